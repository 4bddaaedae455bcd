// Makes the files of the cases, the same on each machine: node files.mjs CORPUS OUT
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';

const [corpus, out] = process.argv.slice(2);
const PHOTO = path.join(corpus, 'exif-orientation/exif-orientation--Landscape_0.jpg');
const FRAMES = 40;

// A drawn face: outlines, gradients, soft shadow, transparent around it. It leans by `turn` degrees.
const face = (side, turn = 0) => Buffer.from(`
  <svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}" viewBox="0 0 128 128">
    <defs>
      <radialGradient id="skin" cx=".4" cy=".35" r=".75">
        <stop offset="0" stop-color="#fff3b0"/><stop offset=".6" stop-color="#fdbb2d"/><stop offset="1" stop-color="#d9730d"/>
      </radialGradient>
      <linearGradient id="ear" x2="0" y2="1"><stop offset="0" stop-color="#e8590c"/><stop offset="1" stop-color="#ffa94d"/></linearGradient>
      <filter id="soft" x="-.3" y="-.3" width="1.6" height="1.6"><feGaussianBlur stdDeviation="3"/></filter>
    </defs>
    <ellipse cx="64" cy="112" rx="40" ry="8" fill="#1c1c3c" opacity=".45" filter="url(#soft)"/>
    <g transform="rotate(${turn} 64 70)">
      <path d="M22 50 L26 10 L54 30 Z M106 50 L102 10 L74 30 Z" fill="url(#ear)" stroke="#5c2c06" stroke-width="3" stroke-linejoin="round"/>
      <ellipse cx="64" cy="66" rx="50" ry="44" fill="url(#skin)" stroke="#5c2c06" stroke-width="3"/>
      <ellipse cx="45" cy="60" rx="8" ry="12" fill="#2b1a40"/><ellipse cx="83" cy="60" rx="8" ry="12" fill="#2b1a40"/>
      <circle cx="48" cy="55" r="3" fill="#fff"/><circle cx="86" cy="55" r="3" fill="#fff"/>
      <ellipse cx="32" cy="78" rx="9" ry="5" fill="#ff3b6b" opacity=".6"/><ellipse cx="96" cy="78" rx="9" ry="5" fill="#ff3b6b" opacity=".6"/>
      <path d="M52 82 Q58 92 64 82 Q70 92 76 82" fill="none" stroke="#b0003a" stroke-width="3" stroke-linecap="round"/>
      <path d="M14 66 L30 69 M14 78 L30 76 M114 66 L98 69 M114 78 L98 76" stroke="#3b5bdb" stroke-width="1.5"/>
    </g>
  </svg>`);

// A photograph in a circle with a soft edge, a drawing in front.
async function portrait(side, edge) {
  const background = await sharp(PHOTO).extract({ left: 500, top: 250, width: 800, height: 800 }).resize(side, side).toBuffer();
  const circle = Buffer.from(`
    <svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}">
      <filter id="f"><feGaussianBlur stdDeviation="${edge}"/></filter>
      <circle cx="50%" cy="50%" r="${side / 2 - 3 * edge}" filter="url(#f)"/>
    </svg>`);
  const half = Math.round(side / 2);
  const pasted = await sharp(background).ensureAlpha()
    .composite([{ input: face(half), left: Math.round(side / 4), top: Math.round(side / 4) }]).png().toBuffer();
  return sharp(pasted).composite([{ input: circle, blend: 'dest-in' }]).png().toBuffer();
}

// 3 MB of PNG: a soft photograph with a sharp drawing on it.
async function poster(side) {
  const background = await sharp(PHOTO).extract({ left: 500, top: 250, width: 800, height: 800 })
    .resize(side, side).blur(9).toBuffer();
  return sharp(background).composite([{ input: face(side >> 1), left: side >> 2, top: side >> 2 }])
    .removeAlpha().png().toBuffer();
}

const circling = (frame, reach) => {
  const angle = 2 * Math.PI * frame / FRAMES;
  return { left: Math.round(reach * (1 + Math.cos(angle))), top: Math.round(reach * (1 + Math.sin(angle))) };
};

// Frames below each other.
async function strip(width, height, frame) {
  const frames = [];
  for (let n = 0; n < FRAMES; n++) frames.push(await frame(n));
  return sharp(Buffer.concat(frames), { raw: { width, height: height * FRAMES, channels: 4, pageHeight: height } });
}

// The face leans to and fro, nothing behind it.
const sticker = (side) => strip(side, side, (n) =>
  sharp(face(side, 15 * Math.sin(2 * Math.PI * n / FRAMES))).ensureAlpha().raw().toBuffer());

// The camera moves over a photograph.
const film = (width, height) => strip(width, height, async (n) => {
  const scene = await sharp(PHOTO).resize({ width: width * 2 }).extract({ ...circling(n, 40), width, height }).toBuffer();
  return sharp(scene).ensureAlpha().raw().toBuffer();
});

const delay = Array(FRAMES).fill(50);
const crop = sharp(PHOTO).extract({ left: 100, top: 0, width: 1600, height: 1200 });
const made = {
  'emoji-64.png': sharp(face(64)).png(),
  'emoji-512.png': sharp(face(512)).png(),
  'avatar-800.png': sharp(await portrait(800, 6)).png(),
  'poster-2000.png': sharp(await poster(2000)).png(),
  'photo-1600.jpg': crop.clone().jpeg({ quality: 88 }),
  'photo-1600.avif': crop.clone().avif({ quality: 60, effort: 2 }),
  'photo-1024.webp': sharp(PHOTO).resize(1024, 683).webp({ quality: 85 }),
  'sticker-256.gif': (await sticker(256)).gif({ delay }),
  'film-400.gif': (await film(400, 300)).gif({ delay }),
  'sticker-256.webp': (await sticker(256)).webp({ quality: 85, effort: 2, delay }),
};
mkdirSync(out, { recursive: true });
for (const [name, image] of Object.entries(made)) {
  const bytes = await image.toBuffer();
  writeFileSync(path.join(out, name), bytes);
  const { width, height, pages = 1, pageHeight = height } = await sharp(bytes, { animated: true }).metadata();
  console.log(`${name}: ${bytes.length} bytes, ${width} x ${pageHeight}, ${pages} frames`);
}
