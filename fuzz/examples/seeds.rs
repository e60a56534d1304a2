//! Writes what fuzzers begin with: `cargo run --example seeds -- <directory>`, a directory for each target in it.

fn main() -> std::io::Result<()> {
    let directory = std::path::PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "seeds".into()));
    for (target, name, bytes) in wintersock_fuzz::seeds() {
        let directory = directory.join(target);
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join(format!("seed-{name}")), bytes)?;
    }
    Ok(())
}
