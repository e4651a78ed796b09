//! The committed code is what the committed `.proto` files generate. `ACRE_REGENERATE=1` writes it anew.

use std::{fs, path::Path};

#[test]
fn generated_code_is_that_of_the_proto_files() {
    let root = &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let files = ["common", "runs", "logs", "blobs", "agents", "fleet", "projects", "joining", "tasks", "notifications"];
    let files = files.map(|name| format!("acre/v1/{name}.proto"));
    let descriptors = protox::compile(&files, [root]).expect("the proto files compile");
    let out = tempfile::tempdir().expect("a folder for the generated code");
    let set = out.path().join("acre.v1.bin");
    tonic_prost_build::configure()
        .out_dir(out.path())
        .file_descriptor_set_path(&set)
        .bytes("Chunk.data")
        .compile_fds(descriptors.clone())
        .expect("code is generated");
    fs::write(&set, prost::Message::encode_to_vec(&descriptors)).expect("the descriptor set is written");
    for name in ["acre.v1.rs", "acre.v1.bin"] {
        let fresh = fs::read(out.path().join(name)).expect("a generated file");
        let committed = root.join("src/generated").join(name);
        if std::env::var_os("ACRE_REGENERATE").is_some() {
            fs::create_dir_all(committed.parent().expect("a parent")).expect("the folder of the generated code");
            fs::write(&committed, &fresh).expect("the generated code is written");
        }
        let old = fs::read(&committed).unwrap_or_default();
        assert!(fresh == old, "{name} is stale: run ACRE_REGENERATE=1 cargo test --package acre-protogen");
    }
}
