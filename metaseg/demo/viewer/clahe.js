// Contrast-limited adaptive histogram equalisation (Zuiderveld 1994, Graphics Gems IV), as OpenCV
// does it, of the picture alone: the networks see what the server prepares.

const LEVELS = 256;

// `bytes` of a slice (height, width) after equalisation in `tiles` x `tiles` tiles.
export function equalise(bytes, width, height, { tiles, limit }) {
  const fits = width % tiles === 0 && height % tiles === 0;
  const tileWidth = fits ? width / tiles : Math.floor(width / tiles) + 1;
  const tileHeight = fits ? height / tiles : Math.floor(height / tiles) + 1;
  const tables = [];
  for (let row = 0; row < tiles; row += 1) {
    for (let column = 0; column < tiles; column += 1) {
      const counts = new Int32Array(LEVELS);
      for (let y = row * tileHeight; y < (row + 1) * tileHeight; y += 1) {
        const line = mirrored(y, height) * width;
        for (let x = column * tileWidth; x < (column + 1) * tileWidth; x += 1) {
          counts[bytes[line + mirrored(x, width)]] += 1;
        }
      }
      tables.push(tableOf(counts, tileWidth * tileHeight, limit));
    }
  }
  const across = weightsOf(width, tileWidth, tiles);
  const down = weightsOf(height, tileHeight, tiles);
  const found = new Uint8ClampedArray(width * height); // it rounds
  for (let y = 0, at = 0; y < height; y += 1) {
    const [top, bottom, lower] = down[y];
    for (let x = 0; x < width; x += 1, at += 1) {
      const [left, right, later] = across[x];
      const level = bytes[at];
      const above = tables[top * tiles + left][level] * (1 - later)
        + tables[top * tiles + right][level] * later;
      const below = tables[bottom * tiles + left][level] * (1 - later)
        + tables[bottom * tiles + right][level] * later;
      found[at] = above * (1 - lower) + below * lower;
    }
  }
  return found;
}

// Tiles that do not fit go on past the edge, where the slice is mirrored.
const mirrored = (place, size) => (place < size ? place : Math.max(0, 2 * size - 2 - place));

function tableOf(counts, area, limit) {
  const most = Math.max(1, Math.floor((limit * area) / LEVELS));
  let clipped = 0;
  counts.forEach((count, level) => {
    clipped += Math.max(0, count - most);
    counts[level] = Math.min(count, most);
  });
  const each = Math.floor(clipped / LEVELS);
  let left = clipped - each * LEVELS;
  const step = Math.max(1, Math.floor(LEVELS / Math.max(1, left)));
  const table = new Uint8ClampedArray(LEVELS);
  for (let level = 0, sum = 0; level < LEVELS; level += 1) {
    const extra = left > 0 && level % step === 0 ? 1 : 0;
    left -= extra;
    sum += counts[level] + each + extra;
    table[level] = (sum * (LEVELS - 1)) / area;
  }
  return table;
}

// For each place the two tiles whose middles it lies between, and the weight of the second.
function weightsOf(size, tile, tiles) {
  return Array.from({ length: size }, (_, place) => {
    const at = place / tile - 0.5;
    const first = Math.floor(at);
    return [Math.max(first, 0), Math.min(first + 1, tiles - 1), at - first];
  });
}
