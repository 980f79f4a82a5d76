// Files in one zip, as they are: the slices of a series become one upload. PKWARE, APPNOTE 6.3.

const TABLE = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xEDB88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function checksum(bytes) {
  let value = ~0;
  for (let at = 0; at < bytes.length; at += 1) {
    value = TABLE[(value ^ bytes[at]) & 255] ^ (value >>> 8);
  }
  return ~value >>> 0;
}

// Numbers of two or four bytes, little endian.
function packed(...fields) {
  const size = fields.reduce((sum, [bytes]) => sum + bytes, 0);
  const data = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) data.setUint16(at, value, true);
    else data.setUint32(at, value, true);
    at += bytes;
  }
  return data;
}

export async function zipOf(files, name) {
  const [parts, entries] = [[], []];
  let [at, directory] = [0, 0];
  for (const [number, file] of files.entries()) {
    const title = new TextEncoder().encode(`${number}/${file.name}`);
    const sum = checksum(new Uint8Array(await file.arrayBuffer()));
    // Version 2.0, names in UTF-8, not compressed, 1 January 1980.
    const common = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, sum], [4, file.size],
      [4, file.size], [2, title.length], [2, 0]];
    parts.push(packed([4, 0x04034b50], ...common), title, file);
    entries.push(packed([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0],
      [4, at]), title);
    at += 30 + title.length + file.size;
    directory += 46 + title.length;
  }
  const end = packed([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length],
    [4, directory], [4, at], [2, 0]);
  return new File([...parts, ...entries, end], name);
}
