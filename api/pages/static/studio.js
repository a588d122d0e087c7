// The studio's only script. Pages come whole from the server; this keeps them fresh and sends what people change.

const API = "/api/v3";
const toast = document.querySelector("[data-toast]");
let toastTimer;

function say(text) {
  toast.textContent = text;
  toast.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => toast.classList.remove("shown"), 6000);
}

async function send(method, path, body) {
  const response = await fetch(API + path, {
    method,
    headers: body instanceof FormData ? {} : { "content-type": "application/json" },
    body: body instanceof FormData ? body : JSON.stringify(body ?? {}),
  });
  if (response.status === 401) signInAgain();
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(reason(answer) || `The server answered ${response.status}`);
  return answer;
}

// The session has run out; what was not sent yet is lost, as it would be anyway.
function signInAgain() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
}

function reason(answer) {
  const error = answer.error?.message ?? answer.error;
  const details = answer.details ?? answer.error?.details ?? {};
  const fields = Object.entries(details).map(([field, texts]) => `${field.replaceAll("_", " ")} ${texts}`);
  return [error, answer.reason, ...fields].filter(Boolean).join(": ");
}

// --- freshness: fetch the page again and replace only what differs and is not being edited -------------------

async function refresh() {
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if (response.redirected) return signInAgain();
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const region of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${region.dataset.live}"]`);
    if (!next) continue;
    if (region.dataset.live === "scenes") replaceScenes(region, next);
    else if (source(region) !== source(next)) swap(region, next);
  }
  const page = document.querySelector("[data-job-page]");
  if (page) page.dataset.status = fresh.querySelector("[data-job-page]")?.dataset.status ?? page.dataset.status;
  document.title = fresh.title;
}

const sources = new WeakMap();

function source(node) {
  return sources.get(node) ?? node.innerHTML.trim();
}

function swap(old, next) {
  const focus = document.activeElement;
  const kept = old.contains(focus) ? focus.dataset.action ?? focus.dataset.sceneAction : undefined;
  sources.set(next, next.innerHTML.trim());
  const [before, after] = [old, next].map((node) => node.querySelector("[data-saved]"));
  if (before && after) after.textContent = before.textContent;
  old.replaceWith(next);
  if (kept) next.querySelector(`[data-action="${kept}"], [data-scene-action="${kept}"]`)?.focus();
}

function replaceScenes(list, next) {
  const old = new Map([...list.children].map((item) => [item.dataset.scene, item]));
  for (const item of [...next.children]) {
    const current = old.get(item.dataset.scene);
    const busy = current?.dataset.dirty !== undefined || current?.querySelector("input:focus, textarea:focus");
    old.delete(item.dataset.scene);
    if (!current) list.append(item);
    else {
      list.append(current);
      if (!busy && source(current) !== source(item)) swap(current, item);
    }
  }
  for (const gone of old.values()) gone.remove();
}

let scheduled;

function refreshSoon() {
  scheduled ??= setTimeout(async () => {
    scheduled = undefined;
    await refresh().catch(() => {});
  }, 300);
}

// --- the start page ------------------------------------------------------------------------------------------

function watchList() {
  setInterval(() => {
    if (document.visibilityState === "visible") refreshSoon();
  }, 2000);
}

function newFilm(section) {
  const form = section.querySelector("form");
  const note = section.querySelector("[data-note]");
  const drop = section.querySelector("[data-drop]");
  const photos = form.elements.photos;
  const label = section.querySelector("[data-drop-text]");
  photos.addEventListener("change", () => {
    const count = photos.files.length;
    label.textContent = count ? `${count} photo${count === 1 ? "" : "s"} chosen` : "Choose photos or drop them here";
  });
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    photos.files = event.dataTransfer.files;
    photos.dispatchEvent(new Event("change"));
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    if (photos.files.length < 2) {
      note.textContent = "A film needs at least two photos.";
      return;
    }
    button.disabled = true;
    try {
      location.href = `/jobs/${await makeFilm(form, photos.files, (text) => (note.textContent = text))}`;
    } catch (error) {
      note.textContent = error.message;
      button.disabled = false;
    }
  });
}

async function makeFilm(form, files, tell) {
  const name = form.elements.name.value.trim() || "Untitled";
  const client = await studioClient();
  const campaign = (await send("POST", "/campaigns", { name, client_id: client })).data.id;
  let done = 0;
  for (const file of files) {
    tell(`Storing photo ${++done} of ${files.length}…`);
    const body = new FormData();
    body.set("campaign_id", campaign);
    body.set("file", file);
    await send("POST", "/assets", body);
  }
  tell("Writing the storyboard…");
  const job = await send("POST", "/jobs/from-image-pairs", {
    campaign_id: campaign,
    clip_duration: Number(form.elements.clip_duration.value),
    num_pairs: Math.min(20, Math.floor(files.length / 2)),
    parameters: { aspect_ratio: form.elements.aspect_ratio.value },
  });
  return job.job_id;
}

async function studioClient() {
  const clients = await (await fetch(`${API}/clients`)).json();
  const known = clients.data.find((client) => client.name === "Studio");
  return known?.id ?? (await send("POST", "/clients", { name: "Studio" })).data.id;
}

// --- the job page --------------------------------------------------------------------------------------------

function watchJob(page) {
  const job = page.dataset.jobPage;
  const events = new EventSource(`${API}/jobs/${job}/events`);
  for (const type of ["snapshot", "progress", "scene", "job"]) events.addEventListener(type, refreshSoon);
  events.addEventListener("done", () => {
    events.close();
    refreshSoon();
    resume(page);
  });
  addEventListener("pagehide", () => events.close());
}

// A finished job can come back to life (a scene rendered again): look now and then, and listen again when it does.
function resume(page) {
  const timer = setInterval(async () => {
    if (document.visibilityState === "visible") await refresh().catch(() => {});
    if (["pending", "approved", "processing"].includes(page.dataset.status)) {
      clearInterval(timer);
      watchJob(page);
    }
  }, 2000);
}

async function act(button, work) {
  const question = button.dataset.confirm;
  if (question && !confirm(question)) return;
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    say(error.message);
  }
  button.disabled = false;
  await refresh().catch(() => {});
}

function sceneNumber(item) {
  return [...item.parentElement.children].indexOf(item) + 1;
}

function editJob(page) {
  const job = `/jobs/${page.dataset.jobPage}`;
  page.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.action) act(button, () => send("POST", `${job}/${button.dataset.action}`));
    if (!button.dataset.sceneAction) return;
    const item = button.closest("[data-scene]");
    const scene = `${job}/scenes/${item.dataset.scene}`;
    const move = (by) => send("PATCH", scene, { scene_number: sceneNumber(item) + by });
    const work = {
      up: () => move(-1),
      down: () => move(1),
      delete: () => send("DELETE", scene),
      regenerate: () => send("POST", `${scene}/regenerate`),
    }[button.dataset.sceneAction];
    act(button, work);
  });
  page.addEventListener("input", (event) => {
    const item = event.target.closest("[data-scene]");
    if (item) item.dataset.dirty = "";
  });
  page.addEventListener("change", async (event) => {
    const field = event.target;
    const item = field.closest("[data-scene]");
    if (!item || !["title", "prompt", "duration"].includes(field.name)) return;
    const saved = item.querySelector("[data-saved]");
    try {
      saved.textContent = "Saving…";
      await send("PATCH", `${job}/scenes/${item.dataset.scene}`, { [field.name]: field.value });
      saved.textContent = "Saved";
      delete item.dataset.dirty;
    } catch (error) {
      saved.textContent = "";
      say(error.message);
    }
  });
}

const film = document.querySelector("[data-new-film]");
if (film) {
  newFilm(film);
  watchList();
}
const page = document.querySelector("[data-job-page]");
if (page) {
  watchJob(page);
  editJob(page);
}
