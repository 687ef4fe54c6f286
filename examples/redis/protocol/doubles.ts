/** The shortest digits that say exactly this number, in the spelling that Redis has for them. */
export function formatDouble(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  if (Number.isNaN(value)) return 'nan';
  if (Object.is(value, -0)) return '-0';
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e17)) return String(value);
  const [digits, exponent] = value.toExponential().split('e') as [string, string];
  const amount = exponent.slice(1).padStart(2, '0');
  return `${digits}e${exponent[0]}${amount}`;
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** What strtod makes of a score; null when it is none. */
export function parseDouble(text: string): number | null {
  if (DECIMAL.test(text)) {
    const value = Number(text);
    return value;
  }
  switch (text.toLowerCase()) {
    case 'inf':
    case '+inf':
    case 'infinity':
    case '+infinity':
      return Number.POSITIVE_INFINITY;
    case '-inf':
    case '-infinity':
      return Number.NEGATIVE_INFINITY;
    default:
      return null;
  }
}

/** Digits behind the point that INCRBYFLOAT keeps. */
const PLACES = 17;
const SCALE = 10n ** BigInt(PLACES);
/** Beyond this fractions are those of a number with 64 significant bits, which is what Redis adds in. */
const MANY = 1e17;
/** Beyond this only the double is known. */
const EXACT = 1e19;

function roundTo64Bits(size: bigint): bigint {
  const shift = BigInt(64 - (size / SCALE).toString(2).length);
  const units = (size << shift) / SCALE;
  const rest = (size << shift) % SCALE;
  // Half of a unit goes to the even side.
  const up = rest * 2n > SCALE || (rest * 2n === SCALE && units % 2n === 1n);
  return ((up ? units + 1n : units) * SCALE) >> shift;
}

function scaled(text: string): bigint {
  const [mantissa, exponent = '0'] = text.toLowerCase().split('e') as [string, string?];
  const negative = mantissa.startsWith('-');
  const [whole, fraction = ''] = mantissa.replace(/^[+-]/, '').split('.') as [string, string?];
  const places = PLACES - fraction.length + Number(exponent);
  const digits = BigInt(`${whole}${fraction}` || '0');
  const size = places >= 0 ? digits * 10n ** BigInt(places) : digits / 10n ** BigInt(-places);
  return negative ? -size : size;
}

/**
 * The sum of two decimals, 0.1 + 0.2 being 0.3: in decimal digits where they are few, else as doubles. Null: not a
 * finite number.
 */
export function sumOfDecimals(a: string, b: string): string | null {
  const quick = Number(a) + Number(b);
  if (!Number.isFinite(quick)) return null;
  // Texts this long, and exponents this large, would be work without bound.
  if (Math.abs(Number(a)) > EXACT || Math.abs(Number(b)) > EXACT || a.length > 64 || b.length > 64) {
    return quick.toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: PLACES });
  }
  const total = scaled(a) + scaled(b);
  const exact = total < 0n ? -total : total;
  const size = Math.abs(quick) > MANY && Math.abs(quick) < EXACT ? roundTo64Bits(exact) : exact;
  const fraction = String(size % SCALE)
    .padStart(PLACES, '0')
    .replace(/0+$/, '');
  const text = `${size / SCALE}${fraction === '' ? '' : `.${fraction}`}`;
  return total < 0n ? `-${text}` : text;
}
