// Images of surveys under the masks, drawn by Aladin Lite. It follows the view of the page and gets no events itself.

let survey = null; // Aladin's object, once it is there

const surveyShown = () => survey !== null && state.survey;

async function startSurvey() {
  $("survey-choice").hidden = false;
  $("survey-name").textContent = data.background;
  say(`Loading ${data.background}`, true);
  try {
    const loading = loadAladin();
    const late = new Promise((_, no) => setTimeout(() => no(new Error("no answer")), 20000));
    survey = await Promise.race([loading, late]);
    say("");
    document.body.dataset.survey = "shown";
    draw(false);
  } catch (error) {
    survey = null;
    document.body.dataset.survey = "missing";
    $("survey-on").disabled = true;
    state.survey = false;
    say(`Aladin Lite cannot be loaded, so there is no image of the sky under the mask (${error.message ?? error}).`, true);
    set({}, false);
  }
}

async function loadAladin() {
  const bundled = $("aladin-code");
  let url = data.aladin;
  if (bundled) url = URL.createObjectURL(new Blob([Uint8Array.from(atob(bundled.textContent), (one) => one.charCodeAt(0))], { type: "text/javascript" }));
  const A = (await import(url)).default;
  await A.init;
  await checkSurvey(data.background);
  const panel = $("survey");
  panel.hidden = false;
  return A.aladin(panel, {
    survey: data.background, target: "0 0", fov: 60, cooFrame: "ICRSd", projection: "ZEA",
    showReticle: false, showCooGrid: false, showZoomControl: false, showFullscreenControl: false, showLayersControl: false,
    showGotoControl: false, showShareControl: false, showSettingsControl: false, showFrame: false, showFov: false,
    showCooLocation: false, showProjectionControl: false, showStatusBar: false, showContextMenu: false, log: false,
  });
}

const ALADIN = { mollweide: "MOL", aitoff: "AIT", sphere: "SIN", zenithal: "ZEA" };

/** Give Aladin the view of the page. A zoom factor of 1 is the whole projection over the width of the stage. */
function moveSurvey(v) {
  $("survey").hidden = !surveyShown();
  if (!surveyShown()) return;
  survey.setFrame(state.frame === "icrs" ? "ICRSd" : "GAL");
  survey.setProjection(ALADIN[v.name]);
  const [ra, dec] = angles(times(toFrame(state.frame, "icrs"), vector(state.lon, state.lat)));
  survey.gotoRaDec(ra, dec);
  survey.setZoomFactor(v.width / (2 * v.projection.size[0] * v.scale));
}

/** The image of the survey as it is on the stage, or null. */
async function surveyImage() {
  if (!surveyShown()) return null;
  const image = new Image();
  image.src = await survey.getViewDataURL();
  await image.decode();
  return image;
}

/** Throw unless a survey answers: Aladin asks for one without an end. */
async function checkSurvey(name) {
  const id = encodeURIComponent(name);
  const places = /^https?:/.test(name)
    ? [`${name.replace(/\/$/, "")}/properties`]
    : ["https://alasky.cds.unistra.fr", "https://alaskybis.cds.unistra.fr"].map((one) => `${one}/MocServer/query?get=record&fmt=json&ID=*${id}*`);
  const known = await Promise.any(places.map(async (place) => {
    const answer = await fetch(place, { mode: "cors" });
    const text = answer.ok ? await answer.text() : "[]";
    if (text.trim().length < 3) throw new Error(`${place} does not know it`);
    return true;
  })).catch(() => false);
  if (!known) throw new Error(`the survey ${name} does not answer`);
}
