//! PNG and APNG.

use super::{Bombs, Ended, Refused, Shown};

fn crc32(bytes: &[u8]) -> u32 {
    let table: Vec<u32> =
        (0..256).map(|n| (0..8).fold(n, |crc: u32, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))).collect();
    !bytes.iter().fold(u32::MAX, |crc, &byte| table[((crc ^ u32::from(byte)) & 255) as usize] ^ (crc >> 8))
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [name, content].concat();
    [&(content.len() as u32).to_be_bytes(), &named[..], &crc32(&named).to_be_bytes()].concat()
}

fn header(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let content = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &content)[..]].concat()
}

/// A picture of zeros.
pub fn plain(width: u32, height: u32, depth: png::BitDepth) -> Vec<u8> {
    use std::io::Write as _;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(depth);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    let row = vec![0; (width as usize * depth as usize).div_ceil(8)];
    for _ in 0..height {
        stream.write_all(&row).unwrap();
    }
    stream.finish().unwrap();
    drop(writer);
    file
}

/// The compressed data of a PNG.
fn data(file: &[u8]) -> Vec<u8> {
    let (mut at, mut data) = (8, Vec::new());
    while at + 12 <= file.len() {
        let len = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        if &file[at + 4..at + 8] == b"IDAT" {
            data.extend_from_slice(&file[at + 8..at + 8 + len]);
        }
        at += len + 12;
    }
    data
}

/// 256 MiB of zeros, by zlib.
pub fn zeros() -> Vec<u8> {
    data(&plain(16_384, 16_384, png::BitDepth::Eight))
}

fn control(sequence: u32, width: u32, height: u32, left: u32, top: u32) -> Vec<u8> {
    let numbers = [sequence, width, height, left, top].map(u32::to_be_bytes).concat();
    chunk(b"fcTL", &[&numbers[..], &[0, 1, 0, 10, 0, 0]].concat())
}

/// All of them.
pub fn bombs() -> Bombs {
    let end = chunk(b"IEND", &[]);
    let zeros = zeros();
    let tiny = data(&plain(8, 8, png::BitDepth::Eight));
    let with = |middle: &[u8]| [&header(8, 8, 8, 0)[..], middle, &chunk(b"IDAT", &tiny), &end].concat();
    let animated = |actl: u32, middle: &[u8]| {
        let actl = chunk(b"acTL", &[actl.to_be_bytes(), [0; 4]].concat());
        [&header(8, 8, 8, 0)[..], &actl, &control(0, 8, 8, 0, 0), &chunk(b"IDAT", &tiny), middle, &end].concat()
    };
    let frames = |count: u32, side: u32| {
        let pixels = data(&plain(side, side, png::BitDepth::Eight));
        let frame = |n: u32| {
            let data = chunk(b"fdAT", &[&(2 * n).to_be_bytes()[..], &pixels].concat());
            [control(2 * n - 1, side, side, 0, 0), data].concat()
        };
        (1..count).flat_map(frame).collect::<Vec<u8>>()
    };
    let large = data(&plain(4000, 4000, png::BitDepth::Eight));
    let large_frames = {
        let actl = chunk(b"acTL", &[2000_u32.to_be_bytes(), [0; 4]].concat());
        let head = [header(4000, 4000, 8, 0), actl, control(0, 4000, 4000, 0, 0), chunk(b"IDAT", &large)].concat();
        [head, frames(2000, 4000), end.clone()].concat()
    };
    vec![
        ("png-1bit-30000x30000.png", Refused, plain(30_000, 30_000, png::BitDepth::One)),
        ("png-65535x65535-ihdr-only.png", Refused, [&header(65_535, 65_535, 8, 6)[..], &end].concat()),
        (
            "png-8000x8000-16-bit-alpha.png",
            Refused,
            [&header(8000, 8000, 16, 6)[..], &chunk(b"IDAT", &tiny), &end].concat(),
        ),
        ("png-idat-longer-than-image.png", Ended, [&header(8, 8, 8, 0)[..], &chunk(b"IDAT", &zeros), &end].concat()),
        ("png-iccp-zip-bomb.png", Ended, with(&chunk(b"iCCP", &[b"a\0\0", &zeros[..]].concat()))),
        ("png-ztxt-bomb.png", Shown, with(&chunk(b"zTXt", &[b"a\0\0", &zeros[..]].concat()))),
        ("png-itxt-bomb.png", Shown, with(&chunk(b"iTXt", &[b"a\0\x01\0\0\0", &zeros[..]].concat()))),
        ("png-100000-text-chunks.png", Shown, with(&chunk(b"tEXt", b"a\0b").repeat(100_000))),
        ("png-exif-5-mb.png", Ended, with(&chunk(b"eXIf", &[b"II*\0\x08\0\0\0\xFF\xFF", &[0; 5 << 20][..]].concat()))),
        ("apng-65535-frames-1x1.png", Shown, animated(65_535, &frames(65_535, 1))),
        ("apng-2000-frames-4000x4000.png", Shown, large_frames),
        ("apng-actl-lies.png", Shown, animated(u32::MAX, &[])),
        ("apng-frame-outside.png", Shown, animated(2, &control(7, 9000, 9000, 5, u32::MAX))),
    ]
}
