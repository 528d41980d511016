// What a worker hears and feels without looking: one high tone is well, two are "look", a long low
// one with a shake is "no".

const TONES = {
  accepted: [[1760, 0, 0.07]],
  kept: [[880, 0, 0.07]],
  flagged: [[1175, 0, 0.12], [880, 0.16, 0.16]],
  refused: [[196, 0, 0.35], [165, 0.4, 0.45]],
};
const SHAKES = { accepted: [30], kept: [30], flagged: [90, 60, 90], refused: [300, 100, 300] };
let audio = null;

/** Plays the signal of a status. */
export function signal(status, isLoud) {
  const kind = status === "duplicate" ? "accepted" : status;
  document.body.dataset.signal = kind;
  navigator.vibrate?.(SHAKES[kind] ?? []);
  if (!isLoud) return;
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume();
  for (const [hertz, from, length] of TONES[kind] ?? []) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.type = kind === "refused" ? "square" : "sine";
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.25, audio.currentTime + from);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + from + length);
    tone.connect(volume).connect(audio.destination);
    tone.start(audio.currentTime + from);
    tone.stop(audio.currentTime + from + length);
  }
}
