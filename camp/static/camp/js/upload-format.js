// Sizes, times and speeds for people, in the language of the page; for upload.js.
(() => {
  const SMOOTH = 4000; // ms over which a speed is averaged
  const SETTLE = 1500; // ms before a speed is worth showing
  const UNITS = ["KiB", "MiB", "GiB", "TiB"];
  const language = document.documentElement.lang || undefined;

  const number = (value, options) => new Intl.NumberFormat(language, options).format(value);
  const percent = (share) => number(Math.floor(share * 100) / 100, { style: "percent" });
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);

  const inUnits = (bytes) => {
    if (bytes < 1024) return number(bytes, { style: "unit", unit: "byte", unitDisplay: "long" });
    let unit = -1;
    let amount = bytes;
    do {
      amount /= 1024;
      unit += 1;
    } while (amount >= 1023.5 && unit < UNITS.length - 1);
    return `${number(amount, { maximumFractionDigits: amount < 99.95 ? 1 : 0 })}\u00a0${UNITS[unit]}`;
  };

  const inTime = (seconds) => {
    const [value, unit] =
      seconds < 60
        ? [Math.max(1, Math.ceil(seconds)), "second"]
        : seconds < 3600
          ? [Math.ceil(seconds / 60), "minute"]
          : [Math.ceil(seconds / 3600), "hour"];
    return number(value, { style: "unit", unit, unitDisplay: "long" });
  };

  // Bytes per second as an average that forgets exponentially; 0 until it is settled.
  class Speed {
    take(bytes) {
      const time = performance.now();
      this.begun ??= time;
      this.seen ??= { time, bytes };
      const passed = time - this.seen.time;
      if (passed < 200) return;
      const now = ((bytes - this.seen.bytes) / passed) * 1000;
      const weight = this.average ? 1 - Math.exp(-passed / SMOOTH) : 1;
      this.average = (this.average || 0) + weight * (now - (this.average || 0));
      this.seen = { time, bytes };
    }

    // How long bytes have come without a break, in ms.
    get lasted() {
      return this.begun ? performance.now() - this.begun : 0;
    }

    get value() {
      return this.lasted > SETTLE ? this.average || 0 : 0;
    }
  }

  // "12 MiB of 30 MiB", then speed and time left where there is a speed; `texts` are the form's.
  const progress = (texts, sent, size, speed) => {
    const parts = [fill(texts.textProgress, { done: inUnits(sent), size: inUnits(size) })];
    if (speed) {
      parts.push(fill(texts.textSpeed, { speed: inUnits(speed) }));
      parts.push(fill(texts.textLeft, { time: inTime((size - sent) / speed) }));
    }
    return parts.join(" · ");
  };

  window.campUpload = { fill, inUnits, number, percent, progress, Speed };
})();
