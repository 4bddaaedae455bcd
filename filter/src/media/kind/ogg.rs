//! Ogg (RFC 3533): what its first pages hold.

/// How many streams are looked at. Their first pages come before all others.
const MAX_STREAMS: usize = 8;

/// The media type: film if any stream is, else by the first that is known.
pub(super) fn media_type(bytes: &[u8]) -> &'static str {
    let mut found = "application/ogg";
    let mut rest = bytes;
    for _ in 0..MAX_STREAMS {
        let Some((packet, next)) = first_page(rest) else { break };
        match codec(packet) {
            Some("video/ogg") => return "video/ogg",
            Some(sound) if found == "application/ogg" => found = sound,
            _ => {}
        }
        rest = next;
    }
    found
}

/// The packet of a page that begins a stream, and what follows the page.
fn first_page(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    // The second of the flags says that a stream begins here.
    let begins = bytes.starts_with(b"OggS") && bytes.get(5)? & 2 != 0;
    let segments = usize::from(*bytes.get(26)?);
    let body = segments.checked_add(27)?;
    let length: usize = bytes.get(27..body)?.iter().map(|length| usize::from(*length)).sum();
    let packet = bytes.get(body..)?;
    begins.then(|| packet.split_at_checked(length).unwrap_or((packet, &[])))
}

fn codec(packet: &[u8]) -> Option<&'static str> {
    const CODECS: [(&[u8], &str); 8] = [
        (b"\x80theora", "video/ogg"),
        (b"\x01video", "video/ogg"),
        (b"BBCD\0", "video/ogg"),
        (b"OVP80", "video/ogg"),
        (b"OpusHead", "audio/opus"),
        (b"\x01vorbis", "audio/ogg"),
        (b"\x7fFLAC", "audio/ogg"),
        (b"Speex   ", "audio/ogg"),
    ];
    CODECS.iter().find(|(magic, _)| packet.starts_with(magic)).map(|(_, media_type)| *media_type)
}
