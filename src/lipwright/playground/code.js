// "Call this from code": the very request, for each API and client, with a placeholder where the key goes.
import { copyButton, h } from "./dom.js";

const FACES = [["wavespeed", "WaveSpeed API"], ["pixverse", "PixVerse API"]];
const CLIENTS = { wavespeed: [["curl", "curl"], ["python", "Python SDK"], ["js", "JavaScript SDK"]], pixverse: [["curl", "curl"], ["python", "Python SDK"], ["js", "JavaScript"]] };

export function codePanel(job) {
  const origin = location.origin;
  const made = requests(job);
  let face = "wavespeed";
  let client = "curl";
  const code = h("code", {});
  const about = h("p", { class: "muted small" });
  const group = (name, label) => h("div", { class: "segments", role: "group", "aria-label": label, "data-name": name });
  const faces = group("face", "API");
  const clients = group("client", "Client");
  const show = () => {
    faces.replaceChildren(...FACES.map(([id, title]) => h("button", { type: "button", "aria-pressed": String(id === face), onclick: () => pick(id, client, faces, id) }, title)));
    clients.replaceChildren(...CLIENTS[face].map(([id, title]) => h("button", { type: "button", "aria-pressed": String(id === client), onclick: () => pick(face, id, clients, id) }, title)));
    code.textContent = WRITE[face][client](origin, made);
    about.textContent = face === "pixverse" && made.isNarrowed ? "The PixVerse API has no choice of face, length or quality: those of this video are left out." : "";
  };
  const pick = (nextFace, nextClient, within, id) => {
    face = nextFace;
    client = nextClient;
    show();
    [...within.children].find((button) => button.getAttribute("aria-pressed") === "true" && id)?.focus();
  };
  show();
  return h("section", { class: "card code-card", "aria-labelledby": "code-title" },
    h("div", { class: "card-head" }, h("h2", { id: "code-title" }, "Call this from code"), h("div", { class: "row" }, faces, clients, copyButton(() => code.textContent))),
    h("pre", { tabindex: "0", "aria-label": "Code" }, code),
    about, h("p", { class: "muted small" }, "Put your key in place of YOUR_KEY. All operations: ", h("a", { href: "/docs" }, "/docs"), "."));
}

function requests(job) {
  const { request, inputs } = job;
  const video = inputs.video?.filename ?? "footage.mp4";
  const audio = request.text ? null : inputs.audio?.filename ?? "speech.wav";
  const kept = Object.fromEntries(Object.entries(request.options).filter(([name, value]) => value !== null && !["engine", "engine_options", "still", "threads", "encoder"].includes(name)));
  const model = request.model.startsWith("lipwright/") ? request.model : "lipwright/rewrite";
  const rest = { ...(request.text ? { text: request.text, ...(request.voice ? { voice: request.voice } : {}), ...(request.language ? { language: request.language } : {}) } : {}), ...kept };
  return { video, audio, text: request.text, voice: request.voice ?? "auto", model, rest, isNarrowed: Object.keys(kept).length > 0 };
}

const sh = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;
const js = (value) => JSON.stringify(value);

function py(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === true) return "True";
  if (value === false) return "False";
  return String(value);
}

// curl takes commas and semicolons for its own, unless the name is in quotes; in them it wants quotes and backslashes escaped
const FORM = String.raw`"file=@\"$(printf %s "$1" | sed 's/["\\]/\\&/g')\""`;

const lines = (...some) => some.flat().filter((line) => line !== null).join("\n");

const WRITE = {
  wavespeed: {
    curl: (origin, { video, audio, model, rest }) => lines(
      `KEY=YOUR_KEY`,
      `upload() { curl -s -H "Authorization: Bearer $KEY" -F ${FORM} ${origin}/api/v3/media/upload/binary | sed -E 's/.*"download_url":"([^"]+)".*/\\1/'; }`,
      `VIDEO=$(upload ${sh(video)})`,
      audio ? `AUDIO=$(upload ${sh(audio)})` : null,
      `curl -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\`,
      `  ${origin}/api/v3/${model} \\`,
      `  -d ${sh(JSON.stringify({ video: "VIDEO_URL", ...(audio ? { audio: "AUDIO_URL" } : {}), ...rest })).replace("VIDEO_URL", `'"$VIDEO"'`).replace("AUDIO_URL", `'"$AUDIO"'`)}`,
      `# then, until "status" is "completed":`,
      `curl -H "Authorization: Bearer $KEY" ${origin}/api/v3/predictions/ID/result`),
    python: (origin, { video, audio, model, rest }) => lines(
      `import wavespeed  # pip install wavespeed`, ``,
      `client = wavespeed.Client("YOUR_KEY", base_url=${py(origin)})`,
      `inputs = {`,
      `    "video": client.upload(${py(video)}),`,
      audio ? `    "audio": client.upload(${py(audio)}),` : null,
      Object.entries(rest).map(([name, value]) => `    ${py(name)}: ${py(value)},`),
      `}`,
      `print(client.run(${py(model)}, inputs)["outputs"][0])`),
    js: (origin, { video, audio, model, rest }) => lines(
      `const { Client } = require("wavespeed"); // npm install wavespeed`, ``,
      `const client = new Client("YOUR_KEY", { baseUrl: ${js(origin)} });`,
      `(async () => {`,
      `  const inputs = {`,
      `    video: await client.upload(${js(video)}),`,
      audio ? `    audio: await client.upload(${js(audio)}),` : null,
      Object.entries(rest).map(([name, value]) => `    ${name}: ${js(value)},`),
      `  };`,
      `  console.log((await client.run(${js(model)}, inputs)).outputs[0]);`,
      `})();`),
  },
  pixverse: {
    curl: (origin, { video, audio, text, voice }) => lines(
      `KEY=YOUR_KEY`,
      `upload() { curl -s -H "API-KEY: $KEY" -H "Ai-Trace-Id: $(uuidgen)" -F ${FORM} ${origin}/openapi/v2/media/upload | sed -E 's/.*"media_id":([0-9]+).*/\\1/'; }`,
      `VIDEO=$(upload ${sh(video)})`,
      audio ? `AUDIO=$(upload ${sh(audio)})` : null,
      `curl -H "API-KEY: $KEY" -H "Ai-Trace-Id: $(uuidgen)" -H "Content-Type: application/json" \\`,
      `  ${origin}/openapi/v2/video/lip_sync/generate \\`,
      audio ? `  -d "{\\"video_media_id\\": $VIDEO, \\"audio_media_id\\": $AUDIO}"`
        : `  -d '{"video_media_id": '$VIDEO${sh(`, "lip_sync_tts_speaker_id": ${js(voice)}, "lip_sync_tts_content": ${js(text)}}`)}`,
      `# then, until "status" is 1:`,
      `curl -H "API-KEY: $KEY" ${origin}/openapi/v2/video/result/VIDEO_ID`),
    python: (origin, { video, audio, text, voice }) => lines(
      `# pip install pixverse-mcp "mcp<2"`,
      `import asyncio`, ``,
      `from pixverse_mcp.client.pixverse import PixverseClient`,
      `from pixverse_mcp.models.requests import LipSyncVideoRequest`, ``, ``,
      `async def speak():`,
      `    async with PixverseClient("YOUR_KEY", base_url=${py(origin)}) as client:`,
      `        footage = await client.upload_media(file_path=${py(video)}, media_type="video")`,
      audio ? `        speech = await client.upload_media(file_path=${py(audio)}, media_type="audio")` : null,
      `        request = LipSyncVideoRequest(`,
      `            video_media_id=footage.media_id,`,
      audio ? `            audio_media_id=speech.media_id,` : [`            lip_sync_tts_speaker_id=${py(voice)},`, `            lip_sync_tts_content=${py(text)},`],
      `        )`,
      `        return await client.lip_sync_video(request)  # then ask get_video_result`, ``, ``,
      `print(asyncio.run(speak()))`),
    js: (origin, { video, audio, text, voice }) => lines(
      `// Node 18 or newer; PixVerse has no JavaScript SDK of its own`,
      `const { openAsBlob } = require("node:fs");`, ``,
      `const call = async (path, body) => {`,
      `  const headers = { "API-KEY": "YOUR_KEY", "Ai-Trace-Id": crypto.randomUUID() };`,
      `  const isForm = body instanceof FormData;`,
      `  if (body && !isForm) headers["Content-Type"] = "application/json";`,
      `  const init = { headers, method: body ? "POST" : "GET", body: isForm ? body : JSON.stringify(body) };`,
      `  return (await (await fetch(${js(origin)} + path, init)).json()).Resp;`,
      `};`,
      `const upload = async (name) => {`,
      `  const form = new FormData();`,
      `  form.append("file", await openAsBlob(name), name);`,
      `  return (await call("/openapi/v2/media/upload", form)).media_id;`,
      `};`,
      `(async () => {`,
      `  const { video_id } = await call("/openapi/v2/video/lip_sync/generate", {`,
      `    video_media_id: await upload(${js(video)}),`,
      audio ? `    audio_media_id: await upload(${js(audio)}),` : [`    lip_sync_tts_speaker_id: ${js(voice)},`, `    lip_sync_tts_content: ${js(text)},`],
      `  });`,
      `  let result;`,
      `  do {`,
      `    await new Promise((later) => setTimeout(later, 2000));`,
      `    result = await call("/openapi/v2/video/result/" + video_id);`,
      `  } while (result.status === 5);`,
      `  console.log(result.url);`,
      `})();`),
  },
};
