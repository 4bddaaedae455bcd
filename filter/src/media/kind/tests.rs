use std::collections::BTreeMap;
use std::path::Path;

use super::*;

fn of(bytes: &[u8]) -> Kind {
    Kind::of(bytes, true)
}

#[test]
fn pictures_by_their_first_bytes() {
    for (bytes, kind) in [
        (&b"\xff\xd8\xff\xe0"[..], Kind::Jpeg),
        (b"GIF89a", Kind::Gif),
        (b"GIF87a", Kind::Gif),
        (b"GIF88a", Kind::Unknown),
        (b"RIFF\0\0\0\0WEBPVP8 ", Kind::Webp),
        (b"RIFF\0\0\0\0AVI ", Kind::Unknown),
        (b"II*\0\x08\0\0\0", Kind::Tiff),
        (b"MM\0*\0\0\0\x08", Kind::Tiff),
        (b"II+\0\x08\0\0\0", Kind::Tiff),
        (b"II*\0\x10\0\0\0CR\x02\0", Kind::Unknown),
        (b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", Kind::Bmp),
        (b"BM is how this sentence begins", Kind::Unknown),
        (b"\0\0\x01\0\x01\0\x10\x10", Kind::Ico),
        (b"\0\0\x01\0\0\0", Kind::Unknown),
        (b"\0\0\x02\0\x01\0\x10\x10", Kind::Ico),
        // How an uncompressed TGA begins.
        (b"\0\0\x02\0\0\0\0\0\0\0\0\0", Kind::Unknown),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", Kind::Avif),
        (b"\0\0\0\x1cftypavis\0\0\0\0avis", Kind::Avif),
        (b"\0\0\0\x18ftypmif1\0\0\0\0miafavif", Kind::Avif),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Kind::Unknown),
        // The box ends before the brand.
        (b"\0\0\0\x14ftypmif1\0\0\0\0mif1avif", Kind::Unknown),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1avif", Kind::Unknown),
        (b"\0\0\0\x0cJXL \r\n\x87\n", Kind::Unknown),
        (b"", Kind::Unknown),
        (b"<html><svg></svg></html>", Kind::Unknown),
        (b"%PDF-1.7", Kind::Unknown),
        (b"<!-- \0", Kind::Unknown),
    ] {
        assert_eq!(of(bytes), kind, "{}", bytes.escape_ascii());
    }
}

#[test]
fn sound_and_film() {
    let ogg = |packet: &[u8]| {
        let mut page = b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01".to_vec();
        page.push(u8::try_from(packet.len()).unwrap());
        page.extend(packet);
        page
    };
    let ftyp = |brand: &[u8]| [b"\0\0\0\x10ftyp", brand, b"\0\0\0\0"].concat();
    let webm = |doc_type: &[u8], track_types: &[u8]| {
        let tracks: Vec<u8> = track_types.iter().flat_map(|kind| [0xae, 0x83, 0x83, 0x81, *kind]).collect();
        let size = |length: usize| 0x80 | u8::try_from(length).unwrap();
        let head = [&[0x1a, 0x45, 0xdf, 0xa3, size(doc_type.len() + 3), 0x42, 0x82, size(doc_type.len())], doc_type];
        // A segment of unknown size, as of what is recorded live.
        let segment = [0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        [&head.concat(), &segment[..], &[0x16, 0x54, 0xae, 0x6b, size(tracks.len())], &tracks].concat()
    };
    let mp3 = {
        // MPEG-1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes.
        let mut file = vec![0; 417 * 2];
        file[..4].copy_from_slice(b"\xff\xfb\x90\x00");
        file[417..421].copy_from_slice(b"\xff\xfb\x90\x00");
        file
    };
    let mut broken = mp3.clone();
    broken[417] = 0;
    let aac = b"\xff\xf1\x50\x80\x00\xff\xfc".repeat(3);
    for (bytes, media_type) in [
        (ogg(b"OpusHead\x01"), "audio/opus"),
        (ogg(b"\x01vorbis"), "audio/ogg"),
        (ogg(b"\x7fFLAC"), "audio/ogg"),
        (ogg(b"\x80theora"), "video/ogg"),
        ([ogg(b"\x01vorbis"), ogg(b"\x80theora")].concat(), "video/ogg"),
        ([ogg(b"fishead\0"), ogg(b"OpusHead")].concat(), "audio/opus"),
        (ogg(b"x"), "application/ogg"),
        (b"OggS".to_vec(), "application/ogg"),
        (ftyp(b"isom"), "video/mp4"),
        (ftyp(b"mp42"), "video/mp4"),
        (ftyp(b"qt  "), "video/quicktime"),
        (b"\0\0\0\x08wide\0\0\0\0mdat".to_vec(), "video/quicktime"),
        (ftyp(b"M4V "), "video/x-m4v"),
        (ftyp(b"3gp5"), "video/3gpp"),
        (ftyp(b"3g2a"), "video/3gpp2"),
        (ftyp(b"M4A "), "audio/x-m4a"),
        (ftyp(b"M4B "), "audio/mp4"),
        (webm(b"webm", &[1, 2]), "video/webm"),
        (webm(b"webm", &[2]), "audio/webm"),
        (webm(b"webm\0", &[2, 2]), "audio/webm"),
        (webm(b"webm", &[]), "video/webm"),
        (b"\0\0\x01\xba".to_vec(), "video/mpeg"),
        (b"\0\0\x01\xb3".to_vec(), "video/mpeg"),
        (mp3.clone(), "audio/mpeg"),
        (mp3[..400].to_vec(), "audio/mpeg"),
        (b"ID3\x04\0\0\0\0\x02\0".to_vec(), "audio/mpeg"),
        ([&b"ID3\x04\0\0\0\0\0\x02..fLaC"[..]].concat(), "audio/flac"),
        ([b"ID3\x04\0\0\0\0\0\0", &aac[..]].concat(), "audio/aac"),
        (aac.clone(), "audio/aac"),
        (b"fLaC\0".to_vec(), "audio/flac"),
        (b"RIFF\0\0\0\0WAVEfmt ".to_vec(), "audio/wav"),
    ] {
        let kind = of(&bytes);
        assert_eq!(kind, Kind::Playable(media_type), "{}", bytes.escape_ascii());
        assert_eq!((kind.media_type(), kind.is_browser_safe(), kind.is_convertible()), (media_type, true, false));
        assert_ne!(kind.extensions(), ["unknown"], "{media_type}");
    }
    for bytes in
        [webm(b"matroska", &[1]), broken, b"\xff\xfe<\0s\0v\0g\0".to_vec(), ftyp(b"    "), b"Get free video".to_vec()]
    {
        assert_eq!(of(&bytes), Kind::Unknown, "{}", bytes.escape_ascii());
    }
}

#[test]
fn whether_a_png_moves() {
    const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
    let chunk = |name: &[u8], length: usize| {
        [&u32::try_from(length).unwrap().to_be_bytes(), name, &vec![0; length.min(2 << 20)], &[0; 4]].concat()
    };
    let png = |chunks: &[Vec<u8>]| [SIGNATURE, &chunks.concat()].concat();
    let (header, control, data) = (chunk(b"IHDR", 13), chunk(b"acTL", 8), chunk(b"IDAT", 9));
    assert_eq!(of(&png(&[header.clone(), control.clone(), data.clone()])), Kind::Apng);
    assert_eq!(of(&png(&[header.clone(), data.clone(), control.clone()])), Kind::Png);
    assert_eq!(of(&png(&[header.clone(), chunk(b"iCCP", 70_000), control.clone()])), Kind::Apng);
    // The control chunk is beyond what is looked at, or the length is nonsense: a PNG.
    let far = png(&[header.clone(), chunk(b"iCCP", 2 << 20), control]);
    assert_eq!(Kind::sniff(&far[..SNIFF_BYTES], false), Sniffed::Kind(Kind::Png));
    assert_eq!(Kind::sniff(&png(&[chunk(b"IHDR", 4_000_000_000)]), false), Sniffed::Kind(Kind::Png));
    // Before the first picture, there may be more to come.
    let whole = png(&[header, data]);
    for end in 1..whole.len() {
        let (before, kind) = (&whole[..end], if end < 8 { Kind::Unknown } else { Kind::Png });
        assert_eq!(of(before), kind, "{end}");
        let open = matches!(end, 8..41);
        assert_eq!(Kind::sniff(before, false) == Sniffed::More, open, "{end}");
    }
}

#[test]
fn the_root_of_svg() {
    let long = format!("<svg>{}</svg>", " ".repeat(MAX_SNIFF_BYTES));
    for (text, is_svg) in [
        ("<svg xmlns=\"http://www.w3.org/2000/svg\"/>", true),
        ("\u{feff}<?xml version=\"1.0\"?>\n<!-- a > b -->\n<svg>", true),
        ("<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"a>b\"><svg>", true),
        ("<!DOCTYPE svg [ <!-- it's > --> <!ENTITY a \"]>\"> ]><svg/>", true),
        ("<?xml-stylesheet href='a'?><svg:svg>", true),
        ("<svgs>", false),
        ("<svg", false),
        ("<html><svg>", false),
        ("<!-- <svg> ", false),
        ("<!DOCTYPE html><svg>", true),
        ("text <svg>", false),
        (&long, false),
    ] {
        assert_eq!(of(text.as_bytes()) == Kind::Svg, is_svg, "{:.60}", text);
    }
    // SVG only when it ends; nothing else has to wait.
    assert_eq!(Kind::sniff(b"<svg>", false), Sniffed::More);
    assert_eq!(Kind::sniff(b"<!DOC", false), Sniffed::More);
    assert_eq!(Kind::sniff(b"\x1f\x8b\x08\0", false), Sniffed::More);
    assert_eq!(of(b"\x1f\x8b\x08\0"), Kind::Svg);
    assert_eq!(Kind::sniff(b"<html>", false), Sniffed::Kind(Kind::Unknown));
    assert_eq!(Kind::sniff(&long.as_bytes()[..=MAX_SNIFF_BYTES], false), Sniffed::Kind(Kind::Unknown));
}

#[test]
fn what_can_be_done_with_it() {
    for (kind, safe, convertible, moves) in [
        (Kind::Jpeg, true, true, true),
        (Kind::Png, true, true, true),
        (Kind::Apng, true, true, false),
        (Kind::Gif, true, true, true),
        (Kind::Webp, true, true, true),
        (Kind::Avif, true, true, true),
        (Kind::Tiff, true, true, true),
        (Kind::Bmp, true, true, true),
        (Kind::Ico, true, true, true),
        (Kind::Svg, false, true, true),
        (Kind::Playable("audio/wav"), true, false, false),
        (Kind::Unknown, false, false, false),
    ] {
        let found = (kind.is_browser_safe(), kind.is_convertible(), kind.is_animation_kept());
        assert_eq!(found, (safe, convertible, moves), "{kind:?}");
    }
}

/// Where the file has another type than the manifest says, and why.
const DISAGREEMENTS: &[(&str, &str)] = &[
    ("m6-42c19f8e79e582bef107f372f18a074b.tif", "BigTIFF, which the manifest does not know"),
    ("imir-before-clap.avif", "the major brand is mif1, a compatible one avif"),
    ("transformation-before-ispe.avif", "the major brand is mif1, a compatible one avif"),
    ("unknown_mdat_in_oversized_meta.avif", "the major brand is aOis, a compatible one avif"),
    ("useDosTestTwo.svg", "more than 1 MiB: SVG of that size is none, by the contract"),
];

#[test]
fn the_corpus_of_pictures() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let corpus = std::env::var_os("SEKISHO_CORPORA").map_or(shared, Into::into).join("images");
    let Ok(manifest) = std::fs::read_to_string(corpus.join("MANIFEST.tsv")) else {
        println!("skipped: there is no {}", corpus.display());
        return;
    };
    let (mut disagreements, mut counts, mut used) = (Vec::new(), BTreeMap::new(), Vec::new());
    for line in manifest.lines().skip(1) {
        let mut columns = line.split('\t');
        let (file, magic) = (columns.next().unwrap(), columns.next().unwrap());
        let Ok(bytes) = std::fs::read(corpus.join(file)) else {
            println!("skipped: cannot read {file}");
            continue;
        };
        let kind = of(&bytes);
        let early = Kind::sniff(&bytes[..bytes.len().min(SNIFF_BYTES)], bytes.len() <= SNIFF_BYTES);
        assert!(matches!(early, Sniffed::More) || early == Sniffed::Kind(kind), "{file}: {early:?}, whole {kind:?}");
        *counts.entry(format!("{magic} {kind:?}")).or_insert(0_u32) += 1;
        let agrees = match magic {
            "jpeg" => kind == Kind::Jpeg,
            "png" => kind == Kind::Png,
            "apng" => kind == Kind::Apng,
            "gif" => kind == Kind::Gif,
            "webp" => kind == Kind::Webp,
            "tiff" => kind == Kind::Tiff,
            "bmp" => kind == Kind::Bmp,
            "svg" => kind == Kind::Svg,
            "isobmff:avif" | "isobmff:avis" => kind == Kind::Avif,
            "ico/cur" => kind == Kind::Ico,
            _ => kind == Kind::Unknown,
        };
        let reason = DISAGREEMENTS.iter().position(|(part, _)| file.contains(part));
        match (agrees, reason) {
            (true, _) => {}
            (false, Some(reason)) => used.push(reason),
            (false, None) => disagreements.push(format!("{file}: {magic}, found {kind:?}")),
        }
    }
    for (found, count) in counts {
        println!("{count:5} {found}");
    }
    assert_eq!(disagreements, [""; 0]);
    let unused: Vec<_> = DISAGREEMENTS.iter().enumerate().filter(|(index, _)| !used.contains(index)).collect();
    assert!(unused.is_empty(), "agree by now: {unused:?}");
}
