"""Every command that the tools can print, and the test that runs it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A command.

    Attributes:
        where: The file that prints it, from `tools/msp/` or, where that is elsewhere, from the root: `tools/x.sh`.
        command: As the collector finds it.
        test: What runs it, in the situation that prints it: `delivery_commands_test.test_…`.
        checked: What of it was checked, where it can't be carried out to its end on a machine without an account.
    """

    where: str
    command: str
    test: str
    checked: str = ""

    @property
    def path(self) -> str:
        """The file from the repository's root."""
        return self.where if self.where.startswith("tools/") else f"tools/msp/{self.where}"


_LOGIN = "gcloud auth application-default login"
_IT_ASKS = "gcloud's own, up to the page at Google that it sends its user to"
_TTY = "docker's own parser, up to the terminal that it asks for a password on"
_ON_A_PAGE = "delivery_commands_test.test_the_builds_page_has_the_same"
_MENTION = "the program, with a target that is named elsewhere"

TABLE = (
    # changes
    Row("changes/between.py", "git fetch --unshallow", "other_commands_test.test_a_shallow_clone_is_made_whole"),
    Row("changes/between.py", "git fetch origin {}", "other_commands_test.test_missing_commits_are_fetched"),
    Row("changes/between.py", "git log", "other_commands_test.test_git_says_itself_what_is_wrong"),
    # ci
    Row("ci/build.py", "git rev-parse HEAD", "other_commands_test.test_the_full_hash_is_looked_up"),
    Row("ci/git.py", "git config", "other_commands_test.test_a_checkout_of_somebody_elses_is_trusted"),
    Row("names/grammar.py", "git rev-parse HEAD", "other_commands_test.test_the_full_hash_is_looked_up"),
    # cli
    Row("cli/apply.py", "bazel run //svc:pipeline.apply", "help_commands_test.test_examples_run"),
    Row(
        "cli/apply.py", "bazel run {} -- {} --allow_less_guarded", "pipeline_commands_test.test_less_guarded_is_allowed"
    ),
    Row("cli/deploy.py", "bazel run //svc:msp_deploy [-- FLAGS]", "help_commands_test.test_examples_run"),
    Row("cli/deploy_local.py", "bazel run //svc:msp_deploy.local", "help_commands_test.test_examples_run"),
    Row("cli/diff.py", "bazel run //svc:pipeline.diff", "help_commands_test.test_examples_run"),
    Row(
        "cli/generate.py",
        "bazel run @rules_msp//tools:generate -- --spec=service.yaml --output_dir=pipeline",
        "help_commands_test.test_examples_run",
    ),
    Row("cli/generate.py", "gcloud deploy apply", "help_commands_test.test_examples_run", "with --file and --region"),
    Row(
        "cli/local_cloud.py",
        "bazel run @rules_msp//tools:local_cloud -- --port=8080 --grpc_port=8081 [--state_dir=DIR]",
        "help_commands_test.test_examples_run",
    ),
    Row(
        "cli/validate.py",
        "bazel run @rules_msp//tools:validate -- path/to/service.yaml",
        "help_commands_test.test_examples_run",
    ),
    # delivery
    Row(
        "delivery/target/config.py",
        "bazel run {}.pipeline.apply {}",
        "delivery_commands_test.test_a_missing_pipeline_is_made",
    ),
    Row(
        "delivery/target/config.py",
        "bazel run {}:apply -- --spec=service.yaml {}",
        "delivery_commands_test.test_a_missing_pipeline_is_made_without_a_spec",
    ),
    Row("delivery/preflight/preflight.py", "{make_pipeline}", "delivery_commands_test.test_a_missing_pipeline_is_made"),
    Row("delivery/preflight/source.py", "{make_pipeline}", "delivery_commands_test.test_a_missing_pipeline_is_made"),
    Row("delivery/planning/plan.py", "bazel run {} --", "delivery_commands_test.test_an_interrupted_delivery_goes_on"),
    Row("delivery/deliver.py", "{rerun}", "delivery_commands_test.test_an_interrupted_delivery_goes_on"),
    Row("delivery/planning/plan.py", "{rerun} {}", "delivery_commands_test.test_another_image_is_released_beside"),
    Row("delivery/existing.py", "{rerun_beside}", "delivery_commands_test.test_another_image_is_released_beside"),
    Row(
        "delivery/existing.py", "{rerun} --release=ID", "delivery_commands_test.test_another_tag_takes_another_release"
    ),
    Row("delivery/existing.py", "{rerun}", "delivery_commands_test.test_after_a_failed_render_the_next_one_is_made"),
    Row("delivery/preflight/guards.py", "{rerun}", "delivery_commands_test.test_after_a_freeze_it_is_run_again"),
    Row("delivery/preflight/guards.py", "{rerun} --force", "delivery_commands_test.test_guards_are_overruled"),
    Row(
        "delivery/preflight/preflight.py",
        "bazel run {}:local_cloud -- --port={} --grpc_port=0",
        "delivery_commands_test.test_the_local_cloud_is_started",
    ),
    Row(
        "delivery/preflight/preflight.py",
        "gcloud services enable clouddeploy.googleapis.com --project={}",
        "delivery_commands_test.test_the_api_is_enabled",
        "gcloud's own, with the answers of a server that stands for the Service Usage API",
    ),
    Row(
        "delivery/preflight/source.py",
        "gcloud storage buckets describe gs://{} --raw {}",
        "delivery_commands_test.test_the_bucket_tells_whose_it_is",
    ),
    Row(
        "delivery/preflight/repository.py",
        "gcloud artifacts repositories create {} --repository-format=docker {}",
        "delivery_commands_test.test_the_repository_is_made",
    ),
    Row(
        "delivery/report/stages_picture.py",
        "{bazel_run} promote",
        "delivery_commands_test.test_it_is_approved_and_promoted",
    ),
    Row(
        "delivery/report/stages_picture.py",
        "{bazel_run} approve",
        "delivery_commands_test.test_it_is_approved_and_promoted",
    ),
    Row("delivery/report/stages_picture.py", "{rerun}", "delivery_commands_test.test_a_failed_rollout_is_tried_again"),
    Row(
        "delivery/report/stages_picture.py",
        "{bazel_run} retry",
        "delivery_commands_test.test_a_failed_rollout_is_tried_again",
    ),
    Row(
        "delivery/report/stages_picture.py",
        "{bazel_run} status",
        "delivery_commands_test.test_what_nobody_waits_for_is_looked_at",
    ),
    Row("rehearsal/story.py", "bazel run {}", "delivery_commands_test.test_what_was_played_is_delivered"),
    Row(
        "rehearsal/story.py",
        "bazel run {}.ops -- status",
        "delivery_commands_test.test_what_was_played_is_delivered",
    ),
    Row("rehearsal/story.py", "bazel run {}.local", "delivery_commands_test.test_what_failed_is_played_again"),
    Row("runfiles.py", "bazel run", "delivery_commands_test.test_the_target_is_run_with_bazel", _MENTION),
    Row(
        "delivery/existing.py",
        "{rerun} --release=ID",
        "delivery_commands_test.test_whose_release_could_not_be_rendered_is_not_run_again",
    ),
    # delivery, on the page of the build in a CI, and with more flags
    Row(
        "delivery/preflight/preflight.py", "{make_pipeline}", "delivery_commands_test.test_the_builds_page_has_the_same"
    ),
    Row("delivery/report/stages_picture.py", "{bazel_run} retry", _ON_A_PAGE),
    Row("delivery/report/stages_picture.py", "{bazel_run} promote", _ON_A_PAGE),
    Row("delivery/deliver.py", "{rerun}", "delivery_commands_test.test_more_labels_are_asked_for_again"),
    # freezes
    Row(
        "pipeline/live/cloud.py",
        "gcloud deploy deploy-policies delete {} {}",
        "pipeline_commands_test.test_a_policy_in_a_freezes_place_is_deleted",
    ),
    # logins
    Row("gcp/credentials.py", _LOGIN, "login_commands_test.test_whoever_has_no_credentials_logs_in", _IT_ASKS),
    Row("gcp/errors.py", _LOGIN, "login_commands_test.test_whoever_is_not_known_logs_in", _IT_ASKS),
    Row(
        "image/token_authentication.py",
        _LOGIN,
        "login_commands_test.test_whoever_may_not_push_to_google_logs_in",
        _IT_ASKS,
    ),
    Row(
        "image/token_authentication.py",
        "docker login {}",
        "login_commands_test.test_whoever_may_not_push_logs_in",
        _TTY,
    ),
    Row("image/keychain.py", "docker login {}", "login_commands_test.test_an_odd_login_is_made_anew", _TTY),
    Row("image/keychain.py", "echo {} | {} get", "login_commands_test.test_an_odd_helper_is_asked_by_hand"),
    Row("image/credential_helper.py", "echo {} | {} get", "login_commands_test.test_a_failing_helper_is_asked_by_hand"),
    # scripts
    Row(
        "tools/offline/bazel.sh",
        "apt-get install bubblewrap util-linux",
        "other_commands_test.test_missing_programs_are_installed",
        "apt's own parser, in a simulation",
    ),
    Row(
        "tools/offline/make_root.sh",
        "apt-get install ${missing[*]}",
        "other_commands_test.test_missing_programs_are_installed",
        "apt's own parser, in a simulation",
    ),
    Row(
        "tools/update_lock.sh",
        "pip install uv",
        "other_commands_test.test_missing_programs_are_installed",
        "pip's own parser, without an index",
    ),
    # pipeline
    Row("pipeline/page.py", "bazel run", "pipeline_commands_test.test_the_page", _MENTION),
    Row("pipeline/page.py", "gcloud deploy releases list {}", "pipeline_commands_test.test_the_page"),
    Row(
        "pipeline/page.py",
        "gcloud deploy releases promote --release=RELEASE --to-target={} --rollout-id={} {}",
        "pipeline_commands_test.test_the_page",
    ),
    Row(
        "pipeline/page.py",
        "gcloud deploy rollouts approve ROLLOUT --release=RELEASE {}",
        "pipeline_commands_test.test_the_page",
    ),
    Row(
        "pipeline/page.py",
        "gcloud deploy rollouts list --release=RELEASE --filter=approvalState=NEEDS_APPROVAL {}",
        "pipeline_commands_test.test_the_page",
    ),
    Row(
        "pipeline/page.py",
        "gcloud deploy targets rollback {} --release=RELEASE --rollout-id={} {}",
        "pipeline_commands_test.test_the_page",
    ),
    # verbs
    Row("operate/standing.py", "{bazel_run} approve", "verbs_commands_test.test_status_says_what_to_type"),
    Row("operate/standing.py", "{bazel_run} promote", "verbs_commands_test.test_status_says_what_to_type"),
    Row("operate/standing.py", "{bazel_run} reject", "verbs_commands_test.test_status_says_what_to_type"),
    Row("operate/standing.py", "{bazel_run} resume", "verbs_commands_test.test_status_says_what_to_type"),
    Row("operate/standing.py", "{bazel_run} retry", "verbs_commands_test.test_status_says_what_to_type"),
    Row("operate/standing.py", "{bazel_run} rollback", "verbs_commands_test.test_status_says_what_to_type"),
    Row("operate/promote.py", "{bazel_run} promote", "verbs_commands_test.test_promote_says_what_to_type"),
    Row("operate/promote.py", "{bazel_run} status", "verbs_commands_test.test_promote_says_what_to_type"),
    Row("operate/approve.py", "{bazel_run} approve", "verbs_commands_test.test_approve_says_what_to_type"),
    Row("operate/approve.py", "{bazel_run} reject", "verbs_commands_test.test_approve_says_what_to_type"),
    Row("operate/rollback.py", "{bazel_run} rollback", "verbs_commands_test.test_rollback_says_what_to_type"),
    Row("operate/rollback.py", "{bazel_run} status", "verbs_commands_test.test_rollback_says_what_to_type"),
    Row(
        "operate/rollback.py",
        "{bazel_run} cancel",
        "verbs_commands_test.test_a_rollback_of_what_is_under_way_says_what_to_type",
    ),
    Row("operate/hold.py", "{bazel_run} resume", "verbs_commands_test.test_hold_says_what_to_type"),
    Row(
        "operate/hold.py", "{bazel_run} freeze", "verbs_commands_test.test_where_nothing_promotes_a_freeze_stops_people"
    ),
    Row("operate/freeze.py", "{bazel_run} freeze", "verbs_commands_test.test_freezes_say_what_to_type"),
    Row("operate/unfreeze.py", "{bazel_run} unfreeze", "verbs_commands_test.test_freezes_say_what_to_type"),
    Row("operate/rollback.py", "{bazel_run} approve", "verbs_commands_test.test_freezes_say_what_to_type"),
    Row(
        "operate/unfreeze.py",
        "gcloud deploy deploy-policies describe {}",
        "verbs_commands_test.test_somebody_elses_freeze_is_looked_at",
    ),
    Row(
        "cli/verbs/common.py",
        "{bazel_run} {} --category={} --project=PROJECT",
        "verbs_commands_test.test_a_category_is_not_one_services",
    ),
    Row("operate/repair.py", "{bazel_run} cancel", "verbs_commands_test.test_repairs_say_what_to_type"),
    Row("operate/repair.py", "{bazel_run} retry", "verbs_commands_test.test_repairs_say_what_to_type"),
    Row(
        "operate/command.py",
        "{bazel_run} status",
        "verbs_commands_test.test_whoever_is_overtaken_or_waits_in_vain_looks_at_the_status",
    ),
    Row("operate/compare.py", "{bazel_run} status", "verbs_commands_test.test_what_can_not_be_compared_is_looked_up"),
    Row(
        "cli/verbs/common.py",
        "{bazel_run} {} SERVICE --project=PROJECT",
        "verbs_commands_test.test_a_target_is_about_its_own_service",
    ),
    Row("cli/verb.py", "{prog} --help", "verbs_commands_test.test_help_and_its_examples"),
    Row(
        "cli/verb.py",
        "bazel run //svc:msp_deploy.ops -- VERB [FLAGS]                        one service, as its BUILD file says",
        "verbs_commands_test.test_help_and_its_examples",
    ),
    Row(
        "cli/verb.py",
        "bazel run @rules_msp//tools:msp -- VERB SERVICE --project=… [FLAGS]   any service, with no BUILD file",
        "verbs_commands_test.test_help_and_its_examples",
    ),
    Row("names/commands.py", "bazel run {} --", "verbs_commands_test.test_services_of_a_workspace"),
    Row("operate/workspace.py", "bazel query '{}'", "verbs_commands_test.test_services_of_a_workspace"),
)
