// A label as a PNG file (RFC 2083) of one 8-bit channel. A canvas would give four, and some browsers change its levels.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** A Blob with the raster's values, exactly. */
export async function png({ width, height, data }) {
  const rows = new Uint8Array(height * (width + 1)); // each row begins with its filter, 0: none
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([8, 0, 0, 0, 0], 8); // bits, grey, deflate, filters, not interlaced
  const body = new Uint8Array(await new Response(packed).arrayBuffer());
  const parts = [Uint8Array.from(SIGNATURE), chunk("IHDR", head), chunk("IDAT", body), chunk("IEND", new Uint8Array())];
  return new Blob(parts, { type: "image/png" });
}

function chunk(name, content) {
  const out = new Uint8Array(content.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, content.length);
  out.set(new TextEncoder().encode(name), 4);
  out.set(content, 8);
  view.setUint32(content.length + 8, checksum(out.subarray(4, content.length + 8)));
  return out;
}

function checksum(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}
