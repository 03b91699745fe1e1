// Sizes, times and speeds in the language of the page.
import { config, text } from "./upload-config.js";

const AVERAGE_OVER = 4000; // ms
const SHOW_AFTER = 1500; // ms before a speed is worth showing
const language = document.documentElement.lang || undefined;

export const formatNumber = (value, options) =>
  new Intl.NumberFormat(language, options).format(value);
export const formatPercent = (share) =>
  formatNumber(Math.floor(share * 100) / 100, { style: "percent" });
const formatUnit = (value, unit) =>
  formatNumber(value, { style: "unit", unit, unitDisplay: "long" });

export const formatBytes = (bytes) => {
  if (bytes < 1024) return formatUnit(bytes, "byte");
  let unit = -1;
  let amount = bytes;
  do {
    amount /= 1024;
    unit += 1;
  } while (amount >= 1023.5 && unit < config.units.length - 1);
  const number = formatNumber(amount, { maximumFractionDigits: amount < 99.95 ? 1 : 0 });
  return `${number}\u00a0${config.units[unit]}`;
};

const formatDuration = (seconds) => {
  if (seconds < 60) return formatUnit(Math.max(1, Math.ceil(seconds)), "second");
  if (seconds < 3600) return formatUnit(Math.ceil(seconds / 60), "minute");
  return formatUnit(Math.ceil(seconds / 3600), "hour");
};

// "12 MiB of 30 MiB", with speed (bytes per second) and time left where the speed is known.
export const formatProgress = (sent, size, speed) => {
  const parts = [text("progress", { done: formatBytes(sent), size: formatBytes(size) })];
  if (speed) {
    parts.push(text("speed", { speed: formatBytes(speed) }));
    parts.push(text("left", { time: formatDuration((size - sent) / speed) }));
  }
  return parts.join(" · ");
};

// Exponential moving average of bytes per second.
export class Speed {
  update(bytes) {
    const time = performance.now();
    this.started ??= time;
    this.last ??= { time, bytes };
    const elapsed = time - this.last.time;
    if (elapsed < 200) return;
    const current = ((bytes - this.last.bytes) / elapsed) * 1000;
    const weight = this.average ? 1 - Math.exp(-elapsed / AVERAGE_OVER) : 1;
    this.average = (this.average || 0) + weight * (current - (this.average || 0));
    this.last = { time, bytes };
  }

  // ms since the first bytes
  get duration() {
    return this.started ? performance.now() - this.started : 0;
  }

  // 0 until it has settled
  get value() {
    return this.duration > SHOW_AFTER ? this.average || 0 : 0;
  }
}
