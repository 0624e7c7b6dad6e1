// Numbers as people read them. They are whole numbers of any size, so they are kept as BigInt.

const PREFIXES = ["", "k", "M", "G", "T", "P", "E", "Z", "Y", "R", "Q"];

/** A whole number with its sign: ≤ at most, ≥ at least, ≈ both, nothing where it is exact. */
class Quantity {
  constructor(value, sign = "") {
    this.value = value;
    this.sign = sign;
  }

  /** Read what the data holds: a number, or text with a sign or more digits than a double has. */
  static read(raw) {
    if (typeof raw === "number") return new Quantity(BigInt(raw));
    const sign = "≤≥≈".includes(raw[0]) ? raw[0] : "";
    return new Quantity(BigInt(raw.slice(sign.length)), sign);
  }

  times(factor) {
    return factor === 1 ? this : new Quantity(this.value * BigInt(factor), this.sign);
  }

  /** As a double, for drawing. */
  get size() {
    return Number(this.value);
  }

  /** All digits: "4,089,184,256". */
  exact(unit = "") {
    return `${this.sign}${this.value.toLocaleString("en-US")}${unit && ` ${unit}`}`;
  }

  /** Three digits and an SI prefix: "4.09 G". */
  human(unit = "") {
    const size = this.size;
    if (size < 1000) return `${this.sign}${size}${unit && ` ${unit}`}`;
    const [digits, exponent] = size.toExponential(2).split("e").map(Number);
    const thousands = Math.min(Math.floor(exponent / 3), PREFIXES.length - 1);
    const rest = exponent - 3 * thousands;
    return `${this.sign}${(digits * 10 ** rest).toFixed(Math.max(0, 2 - rest))} ${PREFIXES[thousands]}${unit}`;
  }

  /** Per cent of a whole; what is there is never shown as nothing. */
  share(whole) {
    if (!whole.size) return "";
    if (!this.size) return "0 %";
    const percent = (100 * this.size) / whole.size;
    return percent < 0.05 ? "<0.1 %" : `${percent.toFixed(1)} %`;
  }
}

/** "1 call", "2,000 calls". */
function plural(number, noun) {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}
