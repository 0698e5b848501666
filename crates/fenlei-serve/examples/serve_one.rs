//! A server in a few lines: `cargo run -p fenlei-serve --example serve_one -- reviews.fenlei 8080 [watch.db]`.

use std::sync::Arc;

use fenlei_serve::{Log, Options, Server, WatchOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let model = args.next().ok_or("name a model file")?;
    let port = args.next().unwrap_or_else(|| "8080".to_owned());
    let options = Options {
        models: model.split(',').map(|path| (None, path.into())).collect(),
        address: format!("127.0.0.1:{port}").parse()?,
        watch: WatchOptions { store: args.next().map(Into::into), ..WatchOptions::default() },
        ..Options::default()
    };
    let log = Log::to(Arc::new(|_, line| {
        // Whoever closes standard error wants no log.
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{line}\n"));
    }));
    Server::start(options, log)?.wait();
    Ok(())
}
