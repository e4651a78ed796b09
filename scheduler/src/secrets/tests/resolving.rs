//! Where the values of a run's secrets come from, and what is said where one has none.

use super::*;

#[tokio::test]
async fn what_came_with_the_submission_wins() {
    let kept = Kept::new(None).await;
    kept.set("default", "stored", "of the project").await;
    let plan = plan(&[
        ("stored", SecretSource::Project(id("stored"))),
        ("over", SecretSource::Project(id("stored"))),
        ("env", SecretSource::Env("TOKEN".to_owned())),
        ("by-set", SecretSource::Submission),
        ("set.more", SecretSource::Submission),
    ]);
    let given = given(&[("over", "given"), ("env", "read"), ("set.by-set", "set"), ("set.more", "more")]);
    let found = kept.secrets.resolve(&ProjectName::default(), &plan, given).await.unwrap().secrets;
    let expected =
        [("stored", "of the project"), ("over", "given"), ("env", "read"), ("by-set", "set"), ("set.more", "more")];
    for (name, value) in expected {
        assert!(found.get(&id(name)) == Some(&of(value)), "{name}");
    }
}

#[tokio::test]
async fn every_secret_without_a_value_is_told_at_once() {
    let kept = Kept::new(None).await;
    let plan = plan(&[
        ("a", SecretSource::Env("TOKEN".to_owned())),
        ("b", SecretSource::File("~/b".to_owned())),
        ("c", SecretSource::KeyVault("https://v.example/secrets/c".to_owned())),
        ("d", SecretSource::Submission),
        ("e", SecretSource::Vault { path: "secret/app".to_owned(), field: "e".to_owned() }),
        ("f", SecretSource::Project(id("f"))),
        ("set.g", SecretSource::Submission),
    ]);
    let error = kept.secrets.resolve(&ProjectName::default(), &plan, Confidential::default()).await.unwrap_err();
    assert!(matches!(error, crate::secrets::Unresolved::Faults(_)), "{error:?}");
    let expected = [
        "secret `a` (line 1) is read from variable TOKEN of the client's machine, and came without a value; give it with --set-secret a=…",
        "secret `b` (line 2) is read from file ~/b of the client's machine, and came without a value; give it with --set-secret b=…",
        "secret `c` (line 3) is in key vault https://v.example/secrets/c, which acre does not read; give it with --set-secret c=…, take it from Vault (`from: vault:PATH#FIELD`), or keep it in the project (`acre secret set c` and `from: project:c`)",
        "secret `d` (line 4) came without a value; give it with --set-secret d=…, or say where it is: `from: vault:PATH#FIELD` or `from: project:d`",
        "secret `e` (line 5) is in Vault, and this farm has none; start the scheduler with --vault-addr and --vault-token-file, or give it with --set-secret e=…",
        "secret `f` (line 6) is none of project `default`: it has no secret `f`; set it with `acre secret set f`",
        "secret `set.g` (line 7) came without a value; give it with --set-secret g=…",
    ];
    let error = error.to_string();
    assert_eq!(error.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_run_has_so_many_secrets_and_no_more() {
    let kept = Kept::new(None).await;
    let large = "x".repeat(60 << 10);
    for name in ["a", "b", "c", "d", "e"] {
        kept.set("default", name, &large).await;
    }
    let names = ["a", "b", "c", "d", "e"].map(|name| (name, SecretSource::Project(id(name))));
    let resolve = async |count: usize| {
        let plan = plan(&names[..count]);
        kept.secrets.resolve(&ProjectName::default(), &plan, Confidential::default()).await.map(drop)
    };
    assert!(resolve(4).await.is_ok());
    let error = resolve(5).await.unwrap_err();
    assert_eq!(error.to_string(), "the run's secrets have 300 KiB together; limit 256 KiB");
}
