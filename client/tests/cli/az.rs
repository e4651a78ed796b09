//! The examples of `az acr task` in its public reference, with `acre` in place of `az acr`: each is understood, or told
//! why it is not. Source: the help of the Azure CLI, command group "acr task".

use acre_client::args::Cli;
use clap::Parser;

const REPO: &str = "https://github.com/Azure-Samples/acr-build-helloworld-node.git";

const UNDERSTOOD: [&str; 41] = [
    "create -n hello-world -r MyRegistry --cmd '$Registry/myimage' -c /dev/null",
    "create -n hello-world -r MyRegistry -f - -c /dev/null --schedule '0 */1 * * *'",
    "create -t hello-world:{{.Run.ID}} -n hello-world -r MyRegistry -c https://github.com/Azure/acr-builder.git -f Dockerfile --commit-trigger-enabled false --base-image-trigger-enabled false --arg DOCKER_CLI_BASE_IMAGE=docker:18.03.0-ce-git",
    "create -t hello-world:{{.Run.ID}} -n hello-world -r MyRegistry -c https://msazure.visualstudio.com/DefaultCollection/Project/_git/Repo#Branch:Folder -f Dockerfile --git-access-token TOKEN --platform linux/arm/v7",
    "create -t hello-world:{{.Run.ID}} -n hello-world -r MyRegistry -f Dockerfile --auth-mode None -c REPO --pull-request-trigger-enabled true --git-access-token 0000",
    "create -t acb:{{.Run.ID}} -n acb-win -r MyRegistry -c https://github.com/Azure/acr-builder.git -f Windows.Dockerfile --commit-trigger-enabled false --platform Windows/amd64",
    "create -t hello-world:{{.Run.ID}} -n hello-world -r MyRegistry --pull-request-trigger-enabled true --schedule 'dailyTimer:0 12 * * Mon-Fri' -c https://github.com/Azure-Samples/acr-tasks.git#:multipleRegistries -f testtask.yaml",
    "credential add -n taskname -r registryname --login-server myregistry.docker.io -u myusername -p mysecret",
    "credential list -n taskname -r registryname",
    "credential remove -n taskname -r registryname --login-server myregistry.docker.io",
    "credential update -n taskname -r registryname --login-server myregistry.docker.io -u myusername2 -p mysecret",
    "delete -n MyTask -r MyRegistry",
    "delete -n MyTask -r MyRegistry --yes",
    "list -r MyRegistry -o table",
    "list -r MyRegistry --output json",
    "list-runs -r MyRegistry -o table",
    "list-runs -r MyRegistry -n MyTask -o table",
    "list-runs -r MyRegistry --run-status Succeeded --top 10 -o table",
    "list-runs -r MyRegistry --image hello-world -o table",
    "list-runs -r MyRegistry --image hello-world:v1 -o table",
    "logs -r MyRegistry",
    "logs -r MyRegistry --image hello-world",
    "logs -r MyRegistry -n MyTask",
    "logs -r MyRegistry --run-id 2qfsb18001",
    "cancel-run -r MyRegistry --run-id 2qfsb18001",
    "update-run -r MyRegistry --run-id 2qfsb18001 --no-archive false",
    "update-run -r MyRegistry --run-id 2qfsb18001 --no-archive true",
    "show-run -r MyRegistry --run-id 2qfsb18001 -o table",
    "run -n MyTask -r MyRegistry",
    "run -n MyTask -r MyRegistry -c REPO -f Dockerfile",
    "run -n MyTask -r MyRegistry -c . -f Dockerfile",
    "run -n MyTask -r MyRegistry --arg DOCKER_CLI_BASE_IMAGE=docker:18.03.0-ce-git",
    "show -n MyTask -r MyRegistry -o table",
    "timer add -n taskname -r registryname --timer-name t2 --schedule '30 9 * * 1-5'",
    "timer list -n taskname -r registryname",
    "timer remove -n taskname -r registryname --timer-name t2",
    "timer update -n taskname -r registryname --timer-name t2 --schedule '0 12 * * *'",
    "timer update -n taskname -r registryname --timer-name t2 --enabled False",
    "update -n MyTask -r MyRegistry --base-image-trigger-type All --status Disabled",
    "update -n hello-world -r MyRegistry -f Dockerfile --commit-trigger-enabled false --pull-request-trigger-enabled true -c https://msazure.visualstudio.com/DefaultCollection/Project/_git/Repo#Branch:Folder",
    "update --image MyImage --name MyTask --registry MyRegistry --context REPO",
];

/// What is Azure's own, with the word that is not understood.
const NOT_UNDERSTOOD: [(&str, &str); 4] = [
    ("create -n t -r MyRegistry --cmd x -c /dev/null --assign-identity [system]", "--assign-identity"),
    ("credential add -n t -r r --login-server l -u u -p p --use-identity [system]", "--use-identity"),
    ("identity show -n MyTask -r MyRegistry", "identity"),
    ("show -n MyTask -r MyRegistry --with-secure-properties", "--with-secure-properties"),
];

fn parsed(example: &str) -> Result<Cli, clap::Error> {
    let words = shlex::split(&example.replace("REPO", REPO)).unwrap();
    Cli::try_parse_from(["acre", "task"].map(str::to_owned).into_iter().chain(words))
}

#[test]
fn the_examples_of_az_acr_task_are_understood() {
    for example in UNDERSTOOD {
        let parsed = parsed(example);
        assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
    }
    for (example, word) in NOT_UNDERSTOOD {
        let said = parsed(example).unwrap_err().to_string();
        assert!(said.contains(word), "{example}: {said}");
    }
}
