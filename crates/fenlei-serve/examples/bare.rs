//! The HTTP library alone, to measure beside the server: `cargo run --release -p fenlei-serve --example bare`.

fn main() -> Result<(), fenlei::Error> {
    fenlei_serve::serve_bare(|address| {
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{address}\n"));
    })
}
