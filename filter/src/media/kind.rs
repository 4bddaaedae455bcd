//! The type of a file, by its first bytes and never by what its sender calls it.

mod isobmff;
mod matroska;
mod mpeg;
mod ogg;
mod png;
mod svg;

/// How many bytes of a file tell its type, but for what [`Sniffed::More`] is said of.
pub const SNIFF_BYTES: usize = 4096;

/// How many bytes tell the type of any file. SVG is a type only up to this size.
pub const MAX_SNIFF_BYTES: usize = 1024 * 1024;

/// A type that is told apart from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// image/jpeg
    Jpeg,
    /// image/png, one picture
    Png,
    /// image/apng: a PNG with an `acTL` chunk before its first `IDAT`
    Apng,
    /// image/gif
    Gif,
    /// image/webp
    Webp,
    /// image/avif
    Avif,
    /// image/tiff
    Tiff,
    /// image/bmp
    Bmp,
    /// image/x-icon: icons and cursors
    Ico,
    /// image/svg+xml, possibly compressed
    Svg,
    /// Sound or film that browsers play, by its media type.
    Playable(&'static str),
    /// Anything else, and what is empty.
    Unknown,
}

/// What the first bytes of a file tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniffed {
    /// Its type. More bytes would not change it.
    Kind(Kind),
    /// Too little: of a PNG whose first picture has not begun, or of what is SVG if it ends within [`MAX_SNIFF_BYTES`].
    More,
}

impl Kind {
    /// The type of a file of which these are the first bytes, or all if it is `whole`.
    ///
    /// Ask with [`SNIFF_BYTES`]; while the answer is `More`, ask again with twice as many, so that the time stays in proportion to the size.
    pub fn sniff(bytes: &[u8], whole: bool) -> Sniffed {
        let known = Sniffed::Kind;
        match bytes {
            [] if !whole => Sniffed::More,
            [0xff, 0xd8, 0xff, ..] => known(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', chunks @ ..] => png::sniff(chunks, whole),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => known(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, form @ ..] => known(riff(form)),
            // TIFF and BigTIFF; a Canon CR2 calls itself so at byte 8.
            [b'I', b'I', b'*', 0, _, _, _, _, b'C', b'R', ..] => known(Self::Unknown),
            [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => known(Self::Tiff),
            [b'B', b'M', rest @ ..] => known(bmp(rest)),
            // An icon is 1, a cursor 2, and image/x-icon is what Misskey takes both for. The file has one picture at least.
            [0, 0, 1 | 2, 0, low, high, ..] if (*low, *high) != (0, 0) => known(Self::Ico),
            [0x1f, 0x8b, 0x08, ..] => svg::compressed(bytes, whole),
            [b'O', b'g', b'g', b'S', ..] => known(Self::Playable(ogg::media_type(bytes))),
            [b'f', b'L', b'a', b'C', ..] => known(Self::Playable("audio/flac")),
            [0x1a, 0x45, 0xdf, 0xa3, ..] => known(matroska::kind(bytes)),
            [0, 0, 1, 0xb3 | 0xba, ..] => known(Self::Playable("video/mpeg")),
            [b'I', b'D', b'3', ..] | [0xff, 0xe0..=0xff, ..] => known(mpeg::sound(bytes)),
            _ => isobmff::kind(bytes).map_or_else(|| svg::sniff(bytes, whole), known),
        }
    }

    /// The type as far as these bytes tell: what needs more and does not get it is a PNG, or unknown.
    pub fn of(bytes: &[u8], whole: bool) -> Self {
        match Self::sniff(bytes, whole) {
            Sniffed::Kind(kind) => kind,
            Sniffed::More if bytes.starts_with(&[0x89]) => Self::Png,
            Sniffed::More => Self::Unknown,
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Apng => "image/apng",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Ico => "image/x-icon",
            Self::Svg => "image/svg+xml",
            Self::Playable(media_type) => media_type,
            Self::Unknown => "application/octet-stream",
        }
    }

    /// What the name of such a file ends in, without the dot. The first is what is added to a name that ends in none of them.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Png => &["png"],
            Self::Apng => &["apng", "png"],
            Self::Gif => &["gif"],
            Self::Webp => &["webp"],
            Self::Avif => &["avif"],
            Self::Tiff => &["tif", "tiff"],
            Self::Bmp => &["bmp"],
            Self::Ico => &["ico", "cur"],
            Self::Svg => &["svg", "svgz"],
            Self::Playable(media_type) => match media_type {
                "audio/opus" => &["opus", "ogg"],
                "audio/ogg" => &["ogg", "oga"],
                "video/ogg" => &["ogv", "ogg"],
                "application/ogg" => &["ogx", "ogg"],
                "video/quicktime" => &["mov", "qt"],
                "video/mp4" => &["mp4"],
                "video/x-m4v" => &["m4v", "mp4"],
                "video/3gpp" => &["3gp"],
                "video/3gpp2" => &["3g2"],
                "video/mpeg" => &["mpg", "mpeg"],
                "video/webm" | "audio/webm" => &["webm"],
                "audio/mp4" => &["m4a", "m4b", "mp4"],
                "audio/x-m4a" => &["m4a"],
                "audio/mpeg" => &["mp3", "mp2", "mp1"],
                "audio/aac" => &["aac"],
                "audio/flac" => &["flac"],
                "audio/wav" => &["wav"],
                _ => &["unknown"],
            },
            Self::Unknown => &["unknown"],
        }
    }

    /// Whether it is a picture of which another can be made.
    pub fn is_convertible(self) -> bool {
        !matches!(self, Self::Playable(_) | Self::Unknown)
    }

    /// Whether a picture made of it may move. APNG is not: it is passed on as it is instead.
    pub fn is_animation_kept(self) -> bool {
        self.is_convertible() && self != Self::Apng
    }

    /// Whether it may be given out as it is. SVG holds scripts.
    pub fn is_browser_safe(self) -> bool {
        !matches!(self, Self::Svg | Self::Unknown)
    }
}

fn riff(form: &[u8]) -> Kind {
    match form {
        [b'W', b'E', b'B', b'P', ..] => Kind::Webp,
        [b'W', b'A', b'V', b'E', ..] => Kind::Playable("audio/wav"),
        _ => Kind::Unknown,
    }
}

/// `BM` begins a sentence too, so the size of the header that follows, where it is there, must be one that the header of a bitmap has.
fn bmp(rest: &[u8]) -> Kind {
    match rest.get(12..16) {
        Some(&[12..=124, 0, 0, 0]) | None => Kind::Bmp,
        Some(_) => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests;
