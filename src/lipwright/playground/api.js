// Everything that is asked of the server. The session is a cookie that scripts cannot read.

export class ApiError extends Error {
  constructor(message, code, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

let onSignedOut = () => {};

/** Called when an answer says that nobody is signed in (any more). */
export function whenSignedOut(act) {
  onSignedOut = act;
}

async function failure(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // not ours: a proxy's page, say
  }
  if (response.status === 401) onSignedOut();
  return new ApiError(body.message || `The server answered ${response.status}.`, body.error_code, response.status);
}

async function send(method, path, body, headers = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError("The server cannot be reached.", "offline", 0);
  }
  if (!response.ok) throw await failure(response);
  return response;
}

const odd = (status) => new ApiError("The answer is none of this service's. Try again, or ask whoever runs it.", "offline", status);

async function json(method, path, body, headers) {
  const response = await send(method, path, body, headers);
  try {
    return await response.json();
  } catch {
    throw odd(response.status); // a proxy's page, or one that broke off
  }
}

let unanswered = null; // the submit of which nobody knows whether it came: {asked, key}

/** Submit a job. The same one, sent again because no answer came, is the same job: it is not paid twice. */
async function submit(model, inputs) {
  const asked = JSON.stringify([model, inputs]);
  if (unanswered?.asked !== asked) unanswered = { asked, key: crypto.randomUUID?.() ?? String(Math.random()) };
  const sent = unanswered;
  const answered = () => {
    if (unanswered === sent) unanswered = null;
  };
  try {
    const { data } = await json("POST", `/api/v3/${model}`, inputs, { "Idempotency-Key": sent.key });
    answered();
    return data;
  } catch (error) {
    // 409: it is being taken in; 5xx may be a proxy's, which knows no more than we do
    if (error.status >= 400 && error.status < 500 && error.status !== 409) answered();
    throw error;
  }
}

export const api = {
  who: () => json("GET", "/playground/session/current"),
  signIn: (key) => json("POST", "/playground/session", { key }),
  signOut: () => json("DELETE", "/playground/session"),
  media: (id) => json("GET", `/playground/api/media/${id}`),
  faces: (media) => json("POST", "/playground/api/faces", { media }),
  voices: () => json("GET", "/playground/api/voices"),
  speech: async (asked) => (await send("POST", "/playground/api/speech", asked)).blob(),
  quote: (asked) => json("POST", "/playground/api/quote", asked),
  models: async () => (await json("GET", "/api/v3/models")).data,
  submit,
  jobs: (words, page) => json("GET", `/playground/api/jobs?page_size=20&page_number=${page}&words=${encodeURIComponent(words)}`),
  job: (id) => json("GET", `/playground/api/jobs/${id}`),
  mouths: (id) => api.blob(`/playground/api/jobs/${id}/mouths.jpg`),
  cancel: (id) => json("POST", `/playground/api/jobs/${id}/cancel`),
  remove: (id) => json("DELETE", `/playground/api/jobs/${id}`),
  share: (id, hours) => json("POST", `/playground/api/jobs/${id}/share`, { hours }),
  unshare: (id) => json("DELETE", `/playground/api/jobs/${id}/share`),
  shared: (secret) => json("GET", `/playground/shared/${secret}`),
  operator: () => json("GET", "/playground/api/operator"),
  blob: async (path) => (await send("GET", path)).blob(),
};

/** Upload a file; `{id, url}`. `told(share)` is called as it goes; `signal` stops it. */
export function upload(file, told, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, file.name);
    request.open("POST", "/api/v3/media/upload/binary");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && told(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 200) {
        try {
          const url = new URL(request.response.data.download_url);
          resolve({ id: url.pathname.split("/").pop().split(".")[0], url: url.pathname });
        } catch {
          reject(odd(200)); // what is no JSON is null here
        }
        return;
      }
      if (request.status === 401) onSignedOut();
      const body = request.response || {};
      reject(new ApiError(body.message || `The server answered ${request.status}.`, body.error_code, request.status));
    };
    request.onerror = () => reject(new ApiError("The upload broke off. Is the server reachable?", "offline", 0));
    request.onabort = () => reject(new ApiError("Stopped.", "aborted", 0));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

const UNSEEN_MS = 10_000;

/**
 * Follow a job until it is final. Returns what stops it. Reconnects by itself, also to a server that was restarted.
 * A page that nobody sees asks now and then instead: browsers open six connections to a server, and a stream holds one.
 */
export function follow(id, { onState, onLost, onGone }) {
  let source = null;
  let timer = 0;
  let looks = 0;
  let isOver = false;
  const connect = () => {
    if (document.hidden) {
      timer = setTimeout(look, UNSEEN_MS);
      return;
    }
    source = new EventSource(`/playground/api/jobs/${id}/events`);
    source.onmessage = (event) => tell(JSON.parse(event.data));
    source.onerror = () => {
      if (isOver) return;
      onLost();
      // an answer that was no stream: is it gone, or is the server not there yet?
      if (source.readyState === EventSource.CLOSED) look(1500);
    };
  };
  const look = async (again_ms = 0) => {
    const mine = ++looks;
    let job = null;
    try {
      job = await api.job(id);
    } catch (error) {
      if (!isOver && (error.status === 404 || error.status === 401)) {
        stop();
        onGone(error);
      }
    }
    if (isOver || mine !== looks) return;
    if (job) tell(job);
    if (!isOver) timer = setTimeout(connect, again_ms);
  };
  const tell = (job) => {
    if (["succeeded", "failed", "cancelled"].includes(job.state)) stop();
    onState(job);
  };
  // seen again, the stream begins with how things stand
  const onSeen = () => {
    looks++;
    clearTimeout(timer);
    source?.close();
    connect();
  };
  const stop = () => {
    isOver = true;
    clearTimeout(timer);
    source?.close();
    document.removeEventListener("visibilitychange", onSeen);
  };
  document.addEventListener("visibilitychange", onSeen);
  document.hidden ? look() : connect();
  return stop;
}
