// Where the hosts stand, and which part of a link one sees between their boxes. In units of the drawing.
const NARROW = 600;
const GAP = 10;
/** Widths of a node's box, and the least between two of them. */
const [WIDEST, NARROWEST, BETWEEN] = [164, 96, 16];

/** How large a unit is in the browser's pixels: drawings grow with the page's letters. */
export const unit = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 14;

/**
 * Nodes on a ring, the clients' machine before it, so that no link leads behind a box of three nodes. Beside the ring
 * where there is room, above it else. Returns `height`, and `where`: name -> middle and size of its box.
 */
export function layout(nodes, width) {
  const narrow = width < NARROW;
  const box = { width: narrow ? Math.min(150, (width - 34) / 2) : WIDEST, height: 68 };
  const clients = { width: narrow ? Math.min(200, width - 20) : 136, height: 68 };
  const rows = nodes.length <= 3 ? 2 : nodes.length <= 5 ? 3 : 4;
  const height = narrow ? clients.height + 46 + rows * 96 : Math.max(212, rows * 92 - 6);
  const area = narrow
    ? { left: GAP, right: width - GAP, top: clients.height + 46 + GAP, bottom: height - GAP }
    : { left: clients.width + 74, right: Math.min(width - GAP, clients.width + 74 + 980), top: GAP, bottom: height - GAP };
  const points = nodes.map((_, index) => {
    const angle = ((index + 0.5) / nodes.length) * 2 * Math.PI - Math.PI;
    // The ring is squared a little, so that the way from the clients to those behind leads between those before.
    const side = Math.sign(Math.round(Math.sin(angle) * 1e6)) * Math.abs(Math.sin(angle)) ** 0.25;
    return narrow ? [side, Math.cos(angle)] : [Math.cos(angle), side];
  });
  const place = (values, low, high) => {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return (value) => (most - least < 0.01 ? (low + high) / 2 : low + ((value - least) / (most - least)) * (high - low));
  };
  box.width = Math.max(NARROWEST, Math.min(box.width, widestApart(points, box.height, area)));
  const across = place(points.map(([x]) => x), area.left + box.width / 2, area.right - box.width / 2);
  const down = place(points.map(([, y]) => y), area.top + box.height / 2, area.bottom - box.height / 2);
  const where = new Map([["clients", { x: narrow ? width / 2 : GAP + clients.width / 2, y: narrow ? GAP + clients.height / 2 : height / 2, ...clients }]]);
  nodes.forEach((node, index) => where.set(`node-${node.id}`, { x: across(points[index][0]), y: down(points[index][1]), ...box }));
  return { height, where };
}

/** How wide boxes may be so that those beside each other do not touch. */
function widestApart(points, height, area) {
  const spread = (values) => Math.max(...values) - Math.min(...values) || 1;
  const [wide, high] = [spread(points.map(([x]) => x)), spread(points.map(([, y]) => y))];
  const [across, down] = [area.right - area.left, area.bottom - area.top - height];
  let widest = Infinity;
  for (let a = 0; a < points.length; a += 1) for (let b = a + 1; b < points.length; b += 1) {
    const [dx, dy] = [Math.abs(points[a][0] - points[b][0]) / wide, Math.abs(points[a][1] - points[b][1]) / high];
    if (dy * down < height + 4 && dx > 0.01) widest = Math.min(widest, (dx * across - BETWEEN) / (1 + dx));
  }
  return widest;
}

/** The line between two boxes, from edge to edge; `side` units beside it, to the right of its direction. */
export function between(from, to, side = 0) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const out = (box) => Math.min(1, ...[dx && (box.width / 2 + 4) / Math.abs(dx), dy && (box.height / 2 + 4) / Math.abs(dy)].filter(Boolean));
  const [begin, end] = [out(from), 1 - out(to)];
  const [low, high] = begin < end ? [begin, end] : [0.45, 0.55];
  const [sx, sy] = [(-dy / length) * side, (dx / length) * side];
  return { x1: from.x + dx * low + sx, y1: from.y + dy * low + sy, x2: from.x + dx * high + sx, y2: from.y + dy * high + sy };
}

export const along = (line, share) => ({ x: line.x1 + (line.x2 - line.x1) * share, y: line.y1 + (line.y2 - line.y1) * share });
