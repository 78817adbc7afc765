//! `make contract`: writes every file that is generated from the Rust types.

use std::process::ExitCode;

use secondme_avatar_contract::render;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
fn main() -> ExitCode {
    let root = render::root();
    match render::files(&root) {
        Ok(files) => {
            for file in files.iter().filter(|file| file.is_stale(&root)) {
                if let Err(error) = file.write(&root) {
                    eprintln!("{}: {error}", file.path);
                    return ExitCode::FAILURE;
                }
                println!("wrote {}", file.path);
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
