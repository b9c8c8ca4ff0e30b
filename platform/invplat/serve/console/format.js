// How figures, dates and units are written. A figure that is not known is a dash, never a zero.

const NONE = "–";
const PERIODS = { daily: "day", weekly: "week", monthly: "month" };

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const cent = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const fullDay = new Intl.DateTimeFormat(
  "en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" },
);
const minute = new Intl.DateTimeFormat(
  "en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" },
);

export const known = (value) => typeof value === "number" && Number.isFinite(value);

export function units(value) {
  if (!known(value)) return NONE;
  if (value > 0 && value < 0.05) return "< 0.1";
  return Math.abs(value) >= 100 || Number.isInteger(value) ? whole.format(value) : tenth.format(value);
}

export function figure(value) {
  if (!known(value)) return NONE;
  return Math.abs(value) >= 1000 ? whole.format(value) : cent.format(value);
}

/** Money has no name here: it is in what the business's own prices are in. */
export function money(value) {
  if (!known(value)) return NONE;
  if (value > 0 && value < 0.005) return "< 0.01";
  if (value !== 0 && Math.abs(value) < 1) return cent.format(value);
  return Math.abs(value) >= 100_000 ? compact.format(value) : whole.format(value);
}

export function price(value) {
  return known(value) ? value.toFixed(2) : NONE;
}

export function share(value) {
  if (!known(value)) return NONE;
  const hundredths = value * 100;
  if (hundredths > 0 && hundredths < 0.1) return "< 0.1 %";
  if (hundredths > 99.9 && hundredths < 100) return "> 99.9 %";
  return `${hundredths >= 10 && hundredths < 99 ? whole.format(hundredths) : tenth.format(hundredths)} %`;
}

/** Where figures are compared, a tenth matters. */
export function exactShare(value) {
  return known(value) ? `${(value * 100).toFixed(1)} %` : NONE;
}

export function signed(value, write = units) {
  if (!known(value)) return NONE;
  return `${value > 0 ? "+" : value < 0 ? "−" : "±"}${write(Math.abs(value))}`;
}

export function short(value) {
  return known(value) ? compact.format(value) : NONE;
}

export function date(text) {
  return text ? day.format(new Date(`${text.slice(0, 10)}T00:00:00Z`)) : NONE;
}

export function longDate(text) {
  return text ? fullDay.format(new Date(`${text.slice(0, 10)}T00:00:00Z`)) : NONE;
}

export function dateOfYear(text) {
  return text ? `${date(text)} ${text.slice(0, 4)}` : NONE;
}

export function moment(text) {
  if (!text) return NONE;
  const at = new Date(text);
  return Number.isNaN(at.valueOf()) ? text : minute.format(at);
}

export function period(frequency) {
  return PERIODS[frequency] ?? "period";
}

export function count(amount, noun, several = `${noun}s`) {
  return `${whole.format(amount)} ${amount === 1 ? noun : several}`;
}

/** `per`: day, week or month */
export function cover(value, per) {
  if (!known(value)) return NONE;
  const many = value > 365 ? "> 365" : value < 10 ? tenth.format(value) : whole.format(value);
  return `${many} ${many === "1" ? per : `${per}s`}`;
}

/** "on_hand_value" → "On hand value" */
export function words(name) {
  const text = String(name).replaceAll("_", " ").replace(/\bskus?\b/gi, (word) => (word.length > 3 ? "SKUs" : "SKU"));
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function seconds(value) {
  if (!known(value)) return NONE;
  return value < 90 ? `${whole.format(value)} s` : `${whole.format(value / 60)} min`;
}
