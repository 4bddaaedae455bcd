//! The cases: those of the table in the contract of the image stack.

/// A file and a preset.
pub struct Case {
    /// As in the table.
    pub name: &'static str,
    /// The file, one of those that `files.mjs` makes.
    pub file: &'static str,
    /// The flag.
    pub preset: &'static str,
    /// The size that both give out.
    pub size: (usize, usize),
}

const fn case(name: &'static str, file: &'static str, preset: &'static str, size: (usize, usize)) -> Case {
    Case { name, file, preset, size }
}

/// All of them.
pub const ALL: [Case; 13] = [
    case("64 px emoji, emoji", "emoji-64.png", "emoji", (64, 64)),
    case("512 px emoji, emoji", "emoji-512.png", "emoji", (128, 128)),
    case("RGBA 800, avatar", "avatar-800.png", "avatar", (320, 320)),
    case("PNG 3 MB 2000x2000, avatar", "poster-2000.png", "avatar", (320, 320)),
    case("JPEG 1600x1200, static", "photo-1600.jpg", "static", (498, 374)),
    case("JPEG 1600x1200, preview", "photo-1600.jpg", "preview", (200, 150)),
    case("WebP 1024, static", "photo-1024.webp", "static", (498, 332)),
    case("AVIF 1600x1200, static", "photo-1600.avif", "static", (498, 374)),
    case("GIF sticker 40 frames, emoji", "sticker-256.gif", "emoji", (128, 128)),
    case("GIF sticker 40 frames, avatar", "sticker-256.gif", "avatar", (256, 256)),
    case("GIF film 40 frames, emoji", "film-400.gif", "emoji", (171, 128)),
    case("GIF film 40 frames, avatar", "film-400.gif", "avatar", (400, 300)),
    case("WebP 40 frames, emoji", "sticker-256.webp", "emoji", (128, 128)),
];
