// The peer: the smallest HTTP server that does the presets by sharp, with the encoder settings of the contract.
import http from 'node:http';
import sharp from 'sharp';

sharp.concurrency(1);
// Nothing is asked for twice: without its cache sharp is as fast and smaller.
sharp.cache(false);

const WEBP = { quality: 77, alphaQuality: 95, smartSubsample: true, effort: 2, loop: 0 };
const agent = new http.Agent({ keepAlive: true });

function load(url) {
  return new Promise((resolve, reject) => {
    http.get(url, { agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        response.statusCode === 200 ? resolve(Buffer.concat(chunks)) : reject(new Error(`${response.statusCode}`));
      });
      response.on('error', reject);
    }).on('error', reject);
  });
}

function picture(file, flags) {
  const never = { withoutEnlargement: true };
  if (flags.has('emoji') || flags.has('avatar')) {
    const height = flags.has('emoji') ? 128 : 320;
    return sharp(file, { animated: !flags.has('static') }).resize({ height, ...never });
  }
  const [width, height] = flags.has('static') ? [498, 422] : [200, 200];
  return sharp(file).rotate().resize({ width, height, fit: 'inside', ...never });
}

const server = http.createServer(async (request, response) => {
  try {
    const flags = new URL(request.url, 'http://peer').searchParams;
    const body = await picture(await load(flags.get('url')), flags).webp(WEBP).toBuffer();
    response.writeHead(200, { 'Content-Type': 'image/webp', 'Content-Length': body.length });
    response.end(body);
  } catch (error) {
    response.writeHead(500);
    response.end(`${error}`);
  }
});

server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
