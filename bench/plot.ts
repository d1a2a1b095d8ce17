/**
 * Series over time as small charts one below the other, in plain SVG text: nothing to install, and readable in a diff.
 */
export interface Chart {
  readonly title: string;
  readonly unit: string;
  /** By name, in the order of the colours; points are [minutes, value]. */
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [number, number])[];
  }[];
}

const WIDTH = 860;
const HEIGHT = 130;
const LEFT = 70;
const RIGHT = 20;
const TITLE = 24;
const GAP = 22;
const HEADER = 40;
const COLOURS = ['#1f6fb2', '#c4561a', '#3f8f4f', '#8a5ab0', '#777777'];
const POINTS_MAX = 600;
const LINES = 4;

export function svgOf(heading: string, charts: readonly Chart[]): string {
  const height = HEADER + charts.length * (TITLE + HEIGHT + GAP) + 10;
  const minutes = Math.max(
    1,
    ...charts.flatMap(({ series }) => series.flatMap(({ points }) => points.map(([at]) => at))),
  );
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="18" font-size="14">${escaped(heading)}</text>`,
    legend(charts[0]),
  ];
  charts.forEach((chart, at) => {
    parts.push(chartOf(chart, HEADER + at * (TITLE + HEIGHT + GAP), minutes));
  });
  return `${parts.join('\n')}\n</svg>\n`;
}

function legend(chart: Chart | undefined): string {
  const names = chart?.series.map(({ name }, at) => {
    const x = LEFT + at * 90;
    return `<text x="${x}" y="34" fill="${COLOURS[at % COLOURS.length]}">${escaped(name)}</text>`;
  });
  return names?.join('') ?? '';
}

function chartOf({ title, unit, series }: Chart, top: number, minutes: number): string {
  const most = Math.max(0, ...series.flatMap(({ points }) => points.map(([, value]) => value)));
  const limit = niceAbove(most);
  const x = (at: number): number => LEFT + (at / minutes) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => top + TITLE + HEIGHT * (1 - value / limit);
  const parts = [
    `<text x="${LEFT}" y="${top + 16}" font-weight="bold">${escaped(title)} (${escaped(unit)})</text>`,
  ];
  for (let line = 0; line <= LINES; line++) {
    const value = (limit * line) / LINES;
    parts.push(
      `<path d="M${LEFT} ${y(value).toFixed(1)}H${WIDTH - RIGHT}" stroke="#dddddd" fill="none"/>`,
      `<text x="${LEFT - 6}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end" fill="#555555">${labelOf(value)}</text>`,
    );
  }
  for (let mark = 0; mark <= 6; mark++) {
    const at = (minutes * mark) / 6;
    const text = `<text x="${x(at).toFixed(1)}" y="${top + TITLE + HEIGHT + 14}" text-anchor="middle" fill="#555555">`;
    parts.push(`${text}${labelOf(at)} min</text>`);
  }
  series.forEach(({ points }, at) => {
    const path = thinned(points).map(([when, value]) => `${x(when).toFixed(1)} ${y(value).toFixed(1)}`);
    if (path.length === 0) return;
    parts.push(
      `<path d="M${path.join('L')}" stroke="${COLOURS[at % COLOURS.length]}" fill="none" stroke-width="1.2"/>`,
    );
  });
  return parts.join('\n');
}

function thinned<T>(points: readonly T[]): readonly T[] {
  const step = Math.ceil(points.length / POINTS_MAX);
  return step <= 1 ? points : points.filter((_, at) => at % step === 0);
}

/** 1, 2 or 5 times a power of ten, at or above. */
function niceAbove(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((factor) => factor * power).find((limit) => limit >= value)!;
}

function labelOf(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
