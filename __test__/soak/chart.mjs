/** A soak as a picture: memory, descriptors, handles, sockets and their objects over time. Readable on light and on dark, without anything from elsewhere. */

const MIB = 2 ** 20;
const WIDTH = 760;
const HEIGHT = 100;
const LEFT = 60;
const GAP = 46;
const MARGIN = 16;

// The colours of docs/performance.svg.
const STYLE = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .note { fill: #59636e; }
  .line { fill: none; stroke: #a5adb6; }
  .rest { fill: none; stroke: #0969da; stroke-width: 2; }
  .dot { fill: #0969da; }
  .axis { stroke: #a5adb6; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .line, .axis { stroke: #59636e; }
    .rest { stroke: #4493f8; }
    .dot { fill: #4493f8; }
  }
`;

/**
 * @param {import('./verdict.mjs').Found} found
 * @returns {string} SVG
 */
export function chart({ minutes, node, machine, date, samples, rests }) {
  const seconds = minutes * 60;
  const panel = (title, busy, rest = busy) => ({
    title,
    busy: samples.map((sample) => [sample.at, busy(sample)]),
    rest: rests.map((reading) => [reading.at, rest(reading)]),
  });
  const panels = [
    panel('Resident memory, MiB', ({ rss }) => rss / MIB),
    panel('Open descriptors, of all kinds', ({ descriptors }) => descriptors),
    panel('Open sockets among them', ({ sockets }) => sockets),
    panel('Handles of the event loop of the main thread', ({ handles }) => handles),
    panel(
      'Sockets of the main thread that have not been collected',
      ({ alive }) => alive,
      ({ own }) => own,
    ),
  ];
  const drawn = panels.map((panel, index) => draw(panel, MARGIN + 20 + index * (HEIGHT + GAP), seconds));
  const height = MARGIN + 20 + panels.length * (HEIGHT + GAP) + 12;
  const width = LEFT + WIDTH + 2 * MARGIN;
  const caption = `Grey: at work. Blue: at rest, when only the long-lived connections are left. Node ${node}; ${machine}; ${date}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(`wintersock under load for ${minutes} minutes. ${caption}`)}</title>`,
    `<style>${STYLE}</style>`,
    ...drawn,
    text(MARGIN, height - 10, caption, 'note'),
    '</svg>',
    '',
  ].join('\n');
}

function draw({ title, busy, rest }, top, seconds) {
  const most = Math.max(1, ...busy.map(([, value]) => value), ...rest.map(([, value]) => value)) * 1.05;
  const place = ([at, value]) => {
    const x = LEFT + (Math.min(at, seconds) / seconds) * WIDTH;
    return `${x.toFixed(1)},${(top + HEIGHT - (value / most) * HEIGHT).toFixed(1)}`;
  };
  const dots = rest.map((point) => {
    const [x, y] = place(point).split(',');
    return `<circle class="dot" cx="${x}" cy="${y}" r="2.5"/>`;
  });
  const bottom = top + HEIGHT;
  return [
    text(MARGIN, top - 8, title, 'title'),
    `<path class="axis" fill="none" d="M${LEFT},${top}V${bottom}H${LEFT + WIDTH}"/>`,
    ...[0, 0.5, 1].map((share) =>
      text(MARGIN, bottom - (share / 1.05) * HEIGHT + 4, String(Math.round((share * most) / 1.05)), 'note'),
    ),
    ...[0, 0.5, 1].map((share) =>
      text(
        LEFT + share * (WIDTH - 30),
        bottom + 16,
        `${Number((share * seconds) / 60).toFixed(1)} min`,
        'note',
      ),
    ),
    `<polyline class="line" points="${thinned(busy).map(place).join(' ')}"/>`,
    `<polyline class="rest" points="${rest.map(place).join(' ')}"/>`,
    ...dots,
  ].join('\n');
}

/** As many as can be told apart. */
function thinned(points) {
  const step = Math.ceil(points.length / WIDTH);
  return points.filter((_, index) => index % step === 0);
}

function text(x, y, content, kind) {
  return `<text class="${kind}" x="${Number(x).toFixed(1)}" y="${Number(y).toFixed(1)}">${escaped(content)}</text>`;
}

function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
