/**
 * Inline requests: a line typed by a person, cut into arguments exactly as Redis' sdssplitargs cuts it.
 *
 * Double quotes know \n \r \t \b \a \xHH and take any other escaped byte as it is; single quotes know \' only; a
 * closing quote must be followed by a blank or the end. A NUL ends the line, since Redis' strings are C's here.
 * The arguments own their memory: the line may be reused.
 */
const SPACE = 32;
const QUOTE = 34;
const APOSTROPHE = 39;
const BACKSLASH = 92;
const LOWER_X = 120;

const ESCAPES: ReadonlyMap<number, number> = new Map([
  [110, 10],
  [114, 13],
  [116, 9],
  [98, 8],
  [97, 7],
]);

/** A cursor over the line; `written` is what the current token has so far in `token`. */
interface Cut {
  readonly line: Buffer;
  readonly end: number;
  readonly token: Buffer;
  written: number;
  at: number;
}

/** undefined: the quotes are not balanced. */
export function splitInline(line: Buffer): Buffer[] | undefined {
  const nul = line.indexOf(0);
  const end = nul === -1 ? line.length : nul;
  const cut: Cut = { line, end, token: Buffer.allocUnsafe(end), written: 0, at: 0 };
  const argv: Buffer[] = [];
  for (;;) {
    while (cut.at < end && isSpace(line[cut.at]!)) cut.at++;
    if (cut.at >= end) return argv;
    cut.written = 0;
    if (!takeToken(cut)) return undefined;
    argv.push(Buffer.from(cut.token.subarray(0, cut.written)));
  }
}

/** One token, which may change into and out of quotes once: a closing quote ends it. */
function takeToken(cut: Cut): boolean {
  while (cut.at < cut.end) {
    const byte = cut.line[cut.at++]!;
    if (byte === QUOTE) return takeDoubleQuoted(cut);
    if (byte === APOSTROPHE) return takeSingleQuoted(cut);
    if (endsToken(byte)) return true;
    cut.token[cut.written++] = byte;
  }
  return true;
}

function takeDoubleQuoted(cut: Cut): boolean {
  while (cut.at < cut.end) {
    const byte = cut.line[cut.at++]!;
    if (byte === QUOTE) return closesWell(cut);
    cut.token[cut.written++] = byte === BACKSLASH && cut.at < cut.end ? takeEscape(cut) : byte;
  }
  return false;
}

function takeEscape(cut: Cut): number {
  const { line, at } = cut;
  const escaped = line[at]!;
  if (escaped === LOWER_X && at + 2 < cut.end) {
    const high = hexDigit(line[at + 1]!);
    const low = hexDigit(line[at + 2]!);
    if (high >= 0 && low >= 0) {
      cut.at += 3;
      return high * 16 + low;
    }
  }
  cut.at += 1;
  return ESCAPES.get(escaped) ?? escaped;
}

function takeSingleQuoted(cut: Cut): boolean {
  while (cut.at < cut.end) {
    let byte = cut.line[cut.at++]!;
    if (byte === APOSTROPHE) return closesWell(cut);
    if (byte === BACKSLASH && cut.at < cut.end && cut.line[cut.at] === APOSTROPHE) {
      byte = APOSTROPHE;
      cut.at += 1;
    }
    cut.token[cut.written++] = byte;
  }
  return false;
}

function closesWell(cut: Cut): boolean {
  return cut.at >= cut.end || isSpace(cut.line[cut.at]!);
}

/** C's isspace: between tokens a vertical tab or a form feed is a blank as well. */
function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= 9 && byte <= 13);
}

/** Inside a token they are not. */
function endsToken(byte: number): boolean {
  return byte === SPACE || byte === 9 || byte === 10 || byte === 13;
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
