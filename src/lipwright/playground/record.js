// Record from the camera or the microphone, in a dialog.
import { clock, fill, h, icon, notice } from "./dom.js";

const KINDS = { true: ["video/mp4", "video/webm"], false: ["audio/mp4", "audio/webm"] };

/** Ask for a recording; a File, or null where none was made. */
export function recorder(withPicture) {
  return new Promise((resolve) => {
    const view = h("div", { class: "record-view" });
    const state = h("p", { class: "muted", role: "status" }, "Asking for the device…");
    const main = h("button", { type: "button", class: "primary", disabled: true }, icon("record"), "Record");
    const use = h("button", { type: "button", class: "primary", hidden: true }, "Use it");
    const close = h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel");
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "record-title" },
      h("h2", { id: "record-title" }, withPicture ? "Record yourself" : "Record speech"),
      withPicture ? h("p", { class: "muted" }, "Look at the camera with a resting mouth for some seconds: that is all that is needed.") : null,
      view, state, h("div", { class: "row end" }, close, main, use));
    let stream = null;
    let made = null;
    let ticking = 0;
    dialog.addEventListener("close", () => {
      clearInterval(ticking);
      for (const track of stream?.getTracks() ?? []) track.stop();
      dialog.remove();
      resolve(dialog.returnValue === "use" ? made : null);
    });
    document.body.append(dialog);
    dialog.showModal();
    navigator.mediaDevices.getUserMedia(withPicture ? { video: { width: { ideal: 1280 } }, audio: true } : { audio: true }).then((got) => {
      stream = got;
      if (!dialog.open) {
        for (const track of got.getTracks()) track.stop();
        return;
      }
      if (withPicture) {
        const live = h("video", { playsinline: true, autoplay: true, muted: true, srcObject: got, "aria-label": "Your camera" });
        fill(view, live);
      }
      state.textContent = "Ready.";
      main.disabled = false;
      main.focus();
    }, () => fill(state, notice("bad", "The browser gave no access. Allow the camera and the microphone for this page, or choose a file.")));

    main.addEventListener("click", () => {
      const type = KINDS[withPicture].find((kind) => MediaRecorder.isTypeSupported(kind));
      const recording = new MediaRecorder(stream, type ? { mimeType: type } : {});
      const chunks = [];
      const began = performance.now();
      ticking = setInterval(() => {
        state.textContent = `Recording ${clock((performance.now() - began) / 1000)}`;
      }, 100);
      recording.ondataavailable = (event) => chunks.push(event.data);
      recording.onstop = () => {
        clearInterval(ticking);
        const kind = recording.mimeType.split(";")[0];
        const name = `${withPicture ? "camera" : "microphone"} ${new Date().toTimeString().slice(0, 8).replaceAll(":", ".")}.${kind.endsWith("mp4") ? (withPicture ? "mp4" : "m4a") : "webm"}`;
        made = new File(chunks, name, { type: kind });
        const url = URL.createObjectURL(made);
        fill(view, withPicture ? h("video", { src: url, controls: true, playsinline: true }) : h("audio", { src: url, controls: true }));
        state.textContent = `Recorded ${clock((performance.now() - began) / 1000)}.`;
        fill(main, icon("record"), "Again");
        main.className = "secondary";
        use.hidden = false;
        use.focus();
      };
      const stop = h("button", { type: "button", class: "primary", onclick: () => {
        recording.stop();
        stop.replaceWith(main);
      } }, "Stop");
      main.replaceWith(stop);
      use.hidden = true;
      if (withPicture) fill(view, h("video", { playsinline: true, autoplay: true, muted: true, srcObject: stream, "aria-label": "Your camera" }));
      else fill(view);
      recording.start();
      stop.focus();
    });
    use.addEventListener("click", () => dialog.close("use"));
  });
}
