//! SVG.

use super::pngs::{plain, zeros};
use super::{Bombs, Ended, Refused, Shown};

fn svg(inner: &str) -> Vec<u8> {
    let space = "xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'";
    format!("<svg {space} width='2048' height='2048'>{inner}</svg>").into_bytes()
}

fn nested(inner: &str, wrap: impl Fn(usize, &str) -> String) -> Vec<u8> {
    svg(&(0..30).fold(inner.to_owned(), |all, n| format!("{all}{}", wrap(n, &format!("g{n}")))))
}

fn gzip(deflate: &[u8]) -> Vec<u8> {
    [&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3][..], deflate, &[0; 8]].concat()
}

/// All of them.
pub fn bombs() -> Bombs {
    let laughs: String = (1..10).map(|n| format!("<!ENTITY l{n} '{}'>", format!("&l{};", n - 1).repeat(10))).collect();
    let laughs = format!(
        "<!DOCTYPE svg [<!ENTITY l0 'lol'>{laughs}]><svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><text>&l9;</text></svg>"
    );
    let quadratic = format!(
        "<!DOCTYPE svg [<!ENTITY a '{}'>]><svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><text>{}</text></svg>",
        "a".repeat(100_000),
        "&a;".repeat(100_000)
    );
    let uses = nested("<g id='g0'><rect width='9' height='9'/></g>", |n, id| {
        format!("<g id='g{}'><use href='#{id}'/><use href='#{id}'/></g>", n + 1)
    });
    let patterns = nested("<pattern id='g0' width='9' height='9'><rect width='9' height='9'/></pattern>", |n, id| {
        format!(
            "<pattern id='g{}' width='9' height='9'><rect width='9' height='9' fill='url(#{id})'/><rect width='9' height='9' fill='url(#{id})'/></pattern><rect width='9' height='9' fill='url(#{id})'/>",
            n + 1
        )
    });
    let filter = |primitives: &str| {
        svg(&format!("<filter id='f'>{primitives}</filter><rect width='2048' height='2048' filter='url(#f)'/>"))
    };
    let external = svg(
        "<style>@import url(http://127.0.0.1/a.css); rect{fill:url(http://127.0.0.1/b.svg#c)}</style><script>alert(1)</script>\
         <image href='file:///etc/passwd' width='9' height='9'/><image href='http://169.254.169.254/' width='9' height='9'/>\
         <image xlink:href='data:image/svg+xml,%3Csvg/%3E' width='9' height='9'/><use href='http://localhost/#a'/>\
         <foreignObject><p xmlns='http://www.w3.org/1999/xhtml'>x</p></foreignObject><rect width='9' height='9'/>",
    );
    let pixels: String = plain(2000, 2000, png::BitDepth::One).iter().map(|byte| format!("%{byte:02X}")).collect();
    let image = format!("<image width='9' height='9' href='data:image/png,{pixels}'/>");
    let bomb: String =
        plain(20_000, 20_000, png::BitDepth::One).iter().take(300_000).map(|byte| format!("%{byte:02X}")).collect();
    vec![
        ("svg-billion-laughs.svg", Refused, laughs.into_bytes()),
        ("svg-quadratic-entities.svg", Refused, quadratic.into_bytes()),
        ("svg-use-exponential.svg", Refused, uses),
        ("svg-use-circle.svg", Ended, svg("<g id='a'><use href='#b'/></g><g id='b'><use href='#a'/></g><rect width='9' height='9'/>")),
        ("svg-pattern-nest.svg", Refused, patterns),
        ("svg-viewbox-1e9.svg", Shown, b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1e9 1e9'><rect width='5e8' height='1e9'/></svg>".to_vec()),
        ("svg-size-1e30.svg", Ended, b"<svg xmlns='http://www.w3.org/2000/svg' width='1e30' height='1e-30'><rect width='5e8' height='1e9'/></svg>".to_vec()),
        ("svg-blur-stddev-1e6.svg", Shown, filter("<feGaussianBlur stdDeviation='1000000'/>")),
        ("svg-1000-blurs.svg", Ended, filter(&"<feGaussianBlur stdDeviation='50'/>".repeat(1000))),
        ("svg-morphology.svg", Refused, filter("<feMorphology operator='dilate' radius='1000'/>")),
        ("svg-turbulence.svg", Refused, filter("<feTurbulence baseFrequency='0.05' numOctaves='1000000000'/>")),
        ("svg-convolve.svg", Ended, filter(&format!("<feConvolveMatrix order='100' kernelMatrix='{}'/>", "1 ".repeat(10_000)))),
        ("svg-200000-elements.svg", Refused, svg(&"<g/>".repeat(200_000))),
        ("svg-49000-deep.svg", Refused, svg(&("<g>".repeat(49_000) + &"</g>".repeat(49_000)))),
        ("svg-200000-rules.svg", Refused, svg(&format!("<style>{}</style>{}", "a{}".repeat(100_000), "<g/>".repeat(40_000)))),
        ("svg-dashes.svg", Ended, svg("<path d='M0 0H1e9' stroke='red' stroke-width='3' stroke-dasharray='0.001'/>")),
        ("svg-long-path.svg", Ended, svg(&format!("<path stroke='red' d='M0 0{}'/>", "L2000 2000L0 1".repeat(60_000)))),
        ("svg-opacity-groups.svg", Ended, svg(&("<g opacity='.5'><rect width='2048' height='2048'/></g>").repeat(5000))),
        ("svg-1000-images.svg", Ended, svg(&image.repeat(100))),
        ("svg-image-bomb.svg", Ended, svg(&format!("<image width='9' height='9' href='data:image/png,{bomb}'/>"))),
        ("svg-external-refs.svg", Shown, external),
        ("svgz-gzip-bomb.svgz", Refused, gzip(&zeros()[2..])),
    ]
}
