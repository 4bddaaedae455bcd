//! AVIF.

use super::{Bombs, Refused};

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], name, content].concat()
}

fn full(name: &[u8; 4], version: u8, content: &[u8]) -> Vec<u8> {
    boxed(name, &[&[version, 0, 0, 0], content].concat())
}

/// An AVIF whose primary item is of this kind, with this size and these bytes, and a tile with others.
fn avif(kind: &[u8; 4], side: u32, item: &[u8], references: &[u8], extents: u16) -> Vec<u8> {
    let infe = |id: u16, kind: &[u8; 4]| full(b"infe", 2, &[&id.to_be_bytes()[..], &[0, 0], kind, &[0]].concat());
    let ispe = |side: u32| full(b"ispe", 0, &[side.to_be_bytes(), side.to_be_bytes()].concat());
    let iinf = full(b"iinf", 0, &[&[0, 2][..], &infe(1, kind), &infe(2, b"av01")].concat());
    let ipco = boxed(b"ipco", &[ispe(side), ispe(8000), boxed(b"av1C", &[0x81, 0, 0, 0])].concat());
    let ipma = full(b"ipma", 0, &[0, 0, 0, 2, 0, 1, 2, 1, 3, 0, 2, 2, 2, 3]);
    // All in idat, from its beginning.
    let extent = [0_u32.to_be_bytes(), (item.len() as u32).to_be_bytes()].concat().repeat(extents.into());
    let location = |id: u8| [&[0, id, 0, 1, 0, 0][..], &extents.to_be_bytes(), &extent].concat();
    let iloc = full(b"iloc", 1, &[&[0x44, 0, 0, 2][..], &location(1), &location(2)].concat());
    let hdlr = full(b"hdlr", 0, b"\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let meta = [
        hdlr,
        full(b"pitm", 0, &[0, 1]),
        iinf,
        iloc,
        full(b"iref", 0, references),
        boxed(b"iprp", &[ipco, ipma].concat()),
        boxed(b"idat", item),
    ];
    [boxed(b"ftyp", b"avif\0\0\0\0mif1avifmiaf"), full(b"meta", 0, &meta.concat())].concat()
}

/// All of them.
pub fn bombs() -> Bombs {
    let grid = |side: u8| [0, 0, side - 1, side - 1, 0x1F, 0x40, 0x1F, 0x40];
    let tiles = |side: u16| {
        let same = [0, 2].repeat(usize::from(side * side));
        boxed(b"dimg", &[&[0, 1][..], &(side * side).to_be_bytes(), &same].concat())
    };
    vec![
        ("avif-65536x65536-header.avif", Refused, avif(b"av01", 65_536, &[0x12, 0], &[], 1)),
        ("avif-grid-255x255-same-tile.avif", Refused, avif(b"grid", 8000, &grid(255), &tiles(255), 1)),
        ("avif-grid-8x8-same-tile.avif", Refused, avif(b"grid", 8000, &grid(8), &tiles(8), 1)),
        ("avif-grid-of-itself.avif", Refused, avif(b"grid", 8000, &grid(1), &boxed(b"dimg", &[0, 1, 0, 1, 0, 1]), 1)),
        ("avif-iloc-overlap.avif", Refused, avif(b"av01", 64, &[0x12; 60_000], &[], 1000)),
    ]
}
