//! GIF, WebP and JPEG.

use super::{Bombs, Ended, Refused, Shown};

fn gif_file(width: u16, height: u16, side: u16, frames: usize) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, width, height, &[255, 0, 0, 0, 255, 0]).unwrap();
    encoder.set_repeat(gif::Repeat::Infinite).unwrap();
    let pixels = vec![0; usize::from(side) * usize::from(side)];
    encoder.write_frame(&gif::Frame::from_indexed_pixels(side, side, pixels, None)).unwrap();
    drop(encoder);
    // The trailer is one byte, and everything between the loop extension and it is the frame.
    let begin = file.windows(2).position(|two| two == [0x21, 0xF9]).unwrap();
    let frame = file[begin..file.len() - 1].to_vec();
    file.truncate(begin);
    file.extend(frame.repeat(frames));
    file.push(0x3B);
    file
}

fn riff(chunks: &[u8]) -> Vec<u8> {
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", chunks].concat()
}

fn riff_chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let pad = vec![0; content.len() & 1];
    [name, &(content.len() as u32).to_le_bytes()[..], content, &pad].concat()
}

fn jpeg_file(side: usize, progressive: bool) -> Vec<u8> {
    let pixels = vec![128; side * side * 3];
    let mut encoder = turbojpeg::Compressor::new().unwrap();
    encoder.set_progressive(progressive).unwrap();
    let format = turbojpeg::PixelFormat::RGB;
    encoder
        .compress_to_vec(turbojpeg::Image { pixels: &pixels[..], width: side, pitch: side * 3, height: side, format })
        .unwrap()
}

/// All of them.
pub fn bombs() -> Bombs {
    let vp8l = |side: u32| {
        let bits = (side - 1) | (side - 1) << 14;
        riff(&riff_chunk(b"VP8L", &[&[0x2F][..], &bits.to_le_bytes(), &[0x88, 0x88, 8, 0, 0, 0, 0, 0, 0, 0]].concat()))
    };
    let side = |side: u32| side.to_le_bytes()[..3].to_vec();
    let webp_animation = |canvas: u32, frames: usize| {
        let vp8x = riff_chunk(b"VP8X", &[&[2, 0, 0, 0][..], &side(canvas - 1), &side(canvas - 1)].concat());
        let frame = [&[0; 6][..], &side(canvas - 1), &side(canvas - 1), &[10, 0, 0, 0], &vp8l(canvas)[12..]].concat();
        riff(&[vp8x, riff_chunk(b"ANIM", &[0; 6]), riff_chunk(b"ANMF", &frame).repeat(frames)].concat())
    };
    let huge_jpeg = {
        let mut file = jpeg_file(16, false);
        let at = file.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
        file[at + 5..at + 9].copy_from_slice(&[0xFF, 0xDC, 0xFF, 0xDC]);
        file
    };
    let many_scans = {
        let file = jpeg_file(4096, true);
        let at = file.windows(2).rposition(|two| two == [0xFF, 0xDA]).unwrap();
        let scan = &file[at..file.len() - 2];
        [&file[..at], &scan.repeat(5000_usize.min((40 << 20) / scan.len())), &[0xFF, 0xD9]].concat()
    };
    let with_segments = |marker: u8, content: &[u8], count: usize| {
        let file = jpeg_file(64, false);
        let segment = [&[0xFF, marker][..], &(content.len() as u16 + 2).to_be_bytes(), content].concat();
        [&file[..2], &segment.repeat(count), &file[2..]].concat()
    };
    let profile = [b"ICC_PROFILE\0\x01\xFF", &[7; 60_000][..]].concat();
    vec![
        ("gif-65535x65535-tiny-frame.gif", Refused, gif_file(65_535, 65_535, 1, 1)),
        ("gif-5000-full-canvas-frames.gif", Shown, gif_file(2000, 2000, 2000, 5000)),
        ("gif-100000-frames.gif", Shown, gif_file(16, 16, 1, 100_000)),
        ("gif-frame-larger-than-canvas.gif", Ended, gif_file(1, 1, 8000, 3)),
        ("webp-vp8l-16383x16383.webp", Refused, vp8l(16_383)),
        ("webp-anim-1000x16383x16383.webp", Refused, webp_animation(16_383, 1000)),
        ("webp-anim-2000x2000-5000.webp", Ended, webp_animation(2000, 5000)),
        ("jpeg-65500x65500-baseline.jpg", Refused, huge_jpeg),
        ("jpeg-progressive-5000-scans.jpg", Refused, many_scans),
        ("jpeg-icc-20-mb.jpg", Ended, with_segments(0xE2, &profile, 333)),
        (
            "jpeg-xmp-5-mb.jpg",
            Shown,
            with_segments(0xE1, &[b"http://ns.adobe.com/xap/1.0/\0", &[b' '; 60_000][..]].concat(), 83),
        ),
        (
            "jpeg-exif-loop.jpg",
            Shown,
            with_segments(0xE1, b"Exif\0\0II*\0\x08\0\0\0\xFF\xFF\x69\x87\x04\0\x01\0\0\0\x08\0\0\0", 1),
        ),
    ]
}
