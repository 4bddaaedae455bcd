//! BMP, ICO, TIFF, and what is nothing at all.

use super::pngs::plain;
use super::{Bombs, Ended, Refused};

fn bmp_header(width: i32, height: i32, bits: u16, compression: u32) -> Vec<u8> {
    let mut file = b"BM\0\0\0\0\0\0\0\0\x36\x04\0\0\x28\0\0\0".to_vec();
    file.extend(width.to_le_bytes());
    file.extend(height.to_le_bytes());
    file.extend([1, 0]);
    file.extend(bits.to_le_bytes());
    file.extend(compression.to_le_bytes());
    file.extend([0; 20]);
    file.extend([0; 1024]);
    file
}

/// Entries (tag, type, count, value) of one directory, whose next is at `next`.
fn tiff(entries: &[(u16, u16, u32, u32)], next: u32, data: &[u8]) -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((entries.len() as u16).to_le_bytes());
    for &(tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend(next.to_le_bytes());
    file.extend_from_slice(data);
    file
}

fn tiff_picture(width: u32, height: u32, compression: u32, len: u32, next: u32, data: &[u8]) -> Vec<u8> {
    let offset = 8 + 2 + 9 * 12 + 4;
    let entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, 1, offset),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, len),
    ];
    tiff(&entries, next, data)
}

/// All of them.
pub fn bombs() -> Bombs {
    let entry = plain(20_000, 20_000, png::BitDepth::One);
    let icon = {
        let mut file = b"\0\0\x01\0\xE8\x03".to_vec();
        for _ in 0..1000 {
            file.extend([0, 0, 0, 0, 1, 0, 32, 0]);
            file.extend((entry.len() as u32).to_le_bytes());
            file.extend(16_006_u32.to_le_bytes());
        }
        [file, entry].concat()
    };
    let rle = |runs: usize| [bmp_header(32_767, 32_767, 8, 1), [255, 7].repeat(runs)].concat();
    // LZW of a clear code and then only nines.
    let lzw = [&[0x80][..], &[0x24; 100_000]].concat();
    let pages = {
        let mut file = b"II*\0\x08\0\0\0".to_vec();
        for _ in 0..10_000 {
            let next = file.len() as u32 + 18;
            file.extend([1, 0, 0, 1, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
            file.extend(next.to_le_bytes());
        }
        file
    };
    let mut bombs: Bombs = vec![
        ("bmp-rle-bomb-32767x32767.bmp", Refused, rle(10_000)),
        ("bmp-rle-8000x8000-empty.bmp", Ended, bmp_header(8000, 8000, 8, 1)),
        ("bmp-negative-height-min.bmp", Refused, bmp_header(8, i32::MIN, 24, 0)),
        ("bmp-negative-width.bmp", Refused, bmp_header(i32::MIN, 8, 24, 0)),
        ("bmp-8000x8000-without-pixels.bmp", Refused, bmp_header(8000, 8000, 24, 0)),
        ("ico-1000-entries-png-bombs.ico", Refused, icon),
        ("tiff-ifd-loop.tif", Ended, tiff_picture(2, 2, 1, 4, 8, &[9; 4])),
        ("tiff-10000-pages.tif", Refused, pages),
        ("tiff-lzw-bomb.tif", Ended, tiff_picture(8000, 8000, 5, 100_001, 0, &lzw)),
        ("tiff-huge.tif", Refused, tiff_picture(65_535, 65_535, 1, 4, 0, &[9; 4])),
        (
            "tiff-huge-tag.tif",
            Ended,
            tiff(&[(256, 4, 1, 8), (257, 4, 1, 8), (273, 4, u32::MAX, 8), (34_675, 7, u32::MAX, 8)], 0, &[]),
        ),
        ("empty", Refused, Vec::new()),
        ("one-byte", Refused, vec![0]),
        ("heic-grid", Refused, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec()),
        ("jxl-1x1073741823.jxl", Refused, vec![0xFF, 0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
    ];
    for (name, magic) in [
        ("magic-png", &b"\x89PNG\r\n\x1a\n"[..]),
        ("magic-gif", b"GIF89a"),
        ("magic-jpeg", b"\xFF\xD8\xFF"),
        ("magic-webp", b"RIFF\xFF\xFF\xFF\x7FWEBPVP8 "),
        ("magic-bmp", b"BM"),
        ("magic-tiff", b"II*\0"),
        ("magic-ico", b"\0\0\x01\0"),
        ("magic-avif", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"),
        ("magic-svg", b"<svg xmlns='http://www.w3.org/2000/svg'>"),
    ] {
        bombs.push((name, Refused, [magic, &vec![0; 10 << 20]].concat()));
    }
    bombs
}
