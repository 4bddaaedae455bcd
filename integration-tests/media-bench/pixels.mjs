// One decoder for originals and for both results: lines of `FILE OUT` come in, RGBA goes to OUT and `WIDTH HEIGHT FRAMES` out.
import { writeFileSync } from 'node:fs';
import readline from 'node:readline';
import sharp from 'sharp';

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [file, out] = line.split('\t');
  const { pages = 1 } = await sharp(file, { animated: true }).metadata();
  const { data, info } = await sharp(file, { animated: true })
    .toColourspace('srgb').ensureAlpha().raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  writeFileSync(out, data);
  console.log(`${info.width} ${info.height / pages} ${pages}`);
}
