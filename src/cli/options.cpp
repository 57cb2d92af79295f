#include "cli/options.h"

#include <CLI/CLI.hpp>

#include "cli/config_options.h"
#include "cli/exit_code.h"
#include "cli/option_words.h"
#include "cli/site_options.h"
#include "cli/storage_options.h"
#include "cli/tenant_options.h"

namespace barrio::cli {

namespace {

/// Each function below adds a group of commands; the chosen one's callback stores its values in `parsed.command`.
class Grammar {
 public:
  explicit Grammar(Parsed& parsed) : parsed_(parsed) {}

  void build() {
    add_global();
    add_up();
    add_state();
    add_top();
    add_site();
    add_app();
    add_image();
    add_secret();
    add_infer();
    add_tenant_commands(root_, adding());
    add_storage_commands(root_, adding());
    add_config_commands(root_, adding());
    add_usage();
    add_audit();
    add_context();
    add_cert();
    add_log();
    add_proof();
    add_shell();
    add_roles();
    add_engine();
    root_.require_subcommand(1);
    inherit(root_);
  }

  int parse(int argc, char** argv) {
    // Known before anything is read: an error of reading is told in this form, too.
    for (int i = 1; i < argc; ++i) {
      const std::string_view word(argv[i]);
      if (word == "--output" && i + 1 < argc) output_ = output_of(argv[i + 1]);
      if (word.starts_with("--output=")) output_ = output_of(word.substr(word.find('=') + 1));
    }
    try {
      root_.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
      return e.get_exit_code() == 0 ? root_.exit(e) : complain(e);
    }
    return -1;
  }

 private:
  int complain(const CLI::ParseError& e) {
    const CLI::App* at = &root_;
    while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
    return refuse(*at, misread_text(*at, root_, e));
  }

  int refuse(const CLI::App& at, const std::string& text) const {
    const std::string path = path_of(at);
    return tell({.where = "barrio" + (path.empty() ? "" : " " + path),
                 .text = text,
                 .why = "usage",
                 .next = "barrio " + path + (path.empty() ? "" : " ") + "--help",
                 .exit = Exit::usage},
                output_);
  }

  /// Adds a command whose values are those of `command` once it is chosen.
  template <class T>
  CLI::App* leaf(CLI::App& parent, const std::string& name, const std::string& help, std::shared_ptr<T> command) {
    return add_leaf(parent, name, help, [command] { return Command(*command); });
  }

  CLI::App* add_leaf(CLI::App& parent, const std::string& name, const std::string& help,
                     std::function<Command()> made) {
    CLI::App* app = parent.add_subcommand(name, help);
    app->callback([this, app, made = std::move(made)] {
      parsed_.command = made();
      parsed_.global.command = path_of(*app);
      for (const CLI::Option* option : app->get_options()) {
        if (option->get_positional() && option->count() > 0) parsed_.global.names.push_back(option->results().front());
      }
    });
    return app;
  }

  AddLeaf adding() {
    return [this](CLI::App& parent, const char* name, const char* help, std::function<Command()> made) {
      return add_leaf(parent, name, help, std::move(made));
    };
  }

  CLI::App& group(const std::string& name, const std::string& help) {
    CLI::App* app = root_.add_subcommand(name, help);
    app->require_subcommand(1);
    return *app;
  }

  /// Global options may stand after the command, too.
  static void inherit(CLI::App& app) {
    for (CLI::App* child : app.get_subcommands([](CLI::App*) { return true; })) {
      child->fallthrough();
      child->footer("barrio --help lists the options of all commands: --as, --output, --home, --no-input");
      inherit(*child);
    }
  }

  void add_global() {
    auto& global = parsed_.global;
    root_.footer(exit_codes_text);
    root_.add_option("--home", global.home, "Folder with contexts and state (default: $BARRIO_HOME or ./.barrio)");
    root_.add_option("--as", global.as, "Context to speak as: operator or a tenant's name");
    const auto take = [this](const std::string& text) { parsed_.global.output = output_of(text); };
    root_.add_option_function<std::string>("--output", take, "How to print; csv: of usage only")
        ->check(one_of({"table", "json", "csv"}));
    root_.set_version_flag("--version", std::string("barrio ") + program_version);
    root_.add_flag("--no-input", global.no_input, "Never ask anything");
  }

  static Output output_of(std::string_view text) {
    return text == "json" ? Output::json : text == "csv" ? Output::csv : Output::table;
  }

  void add_up() {
    auto up = std::make_shared<UpCommand>();
    auto* app = leaf(root_, "up", "Start the whole network here, with cameras, and watch it work", up);
    app->add_option("--network", up->network, "Network file")->capture_default_str();
    app->add_flag("--once", up->once, "Play the story, print a summary, end; exit 0 only if all of it held");
    app->add_option("--state", up->state, "Where control keeps its state: sqlite, or etcd with three members of each")
        ->check(one_of({"sqlite", "etcd"}))
        ->capture_default_str();
    app->add_flag("--keep", up->keep, "Start from the state of the last run, and play no story");
  }

  void add_state() {
    CLI::App& state = group("state", "Control's state as a file: backup and restore");
    add_state_verb(state, "export", "Write all of it to a file, as it is at one revision", StateCommand::Verb::save);
    add_state_verb(state, "import", "Make it what a file says", StateCommand::Verb::load);
  }

  void add_state_verb(CLI::App& state, const char* name, const char* help, StateCommand::Verb verb) {
    auto command = std::make_shared<StateCommand>();
    command->verb = verb;
    auto* app = leaf(state, name, help, command);
    app->add_option("FILE", command->file)->required();
    app->add_option("--config", command->config, "The YAML file that control is started with")->required();
    if (verb == StateCommand::Verb::load)
      app->add_flag("--overwrite", command->overwrite,
                    "Replace what is there; without it only an empty state is filled");
  }

  void add_top() {
    auto top = std::make_shared<TopCommand>();
    leaf(root_, "top", "Watch sites and apps: rates, latency against objectives, what is refused", top)
        ->add_flag("--once", top->once, "Print one frame and end");
  }

  void add_site() {
    CLI::App& site = group("site", "The sites of the network");
    leaf(site, "list", "All sites", std::make_shared<SiteListCommand>());
    leaf(site, "devices", "The accelerators of this machine", std::make_shared<SiteDevicesCommand>());
    add_new_site_commands(site, adding());
    add_site_key_commands(site, adding());
    add_site_verb(site, "show", "One site in full", SiteCommand::Verb::show);
    add_site_verb(site, "activate", "Let a site take replicas", SiteCommand::Verb::activate);
    add_site_verb(site, "drain", "Move a site's replicas away, losing no request", SiteCommand::Verb::drain);
    add_site_verb(site, "retire", "Take a drained site out of the network for good", SiteCommand::Verb::retire);
  }

  void add_site_verb(CLI::App& site, const char* name, const char* help, SiteCommand::Verb verb) {
    auto command = std::make_shared<SiteCommand>();
    command->verb = verb;
    CLI::App* made = leaf(site, name, help, command);
    made->add_option("SITE", command->site, "Id or city")->required();
    if (verb == SiteCommand::Verb::retire) made->add_flag("--yes", command->yes, "Do not ask");
  }

  void add_app() {
    CLI::App& app = group("app", "A tenant's apps");
    auto deploy = std::make_shared<AppDeployCommand>();
    auto* deploying = leaf(app, "deploy", "Deploy an app file, or a new version of it", deploy);
    deploying->add_option("FILE", deploy->file, "App file (YAML)")->required();
    deploying->add_flag("--no-wait", deploy->no_wait, "Do not wait until it is ready somewhere");
    leaf(app, "list", "All apps of the tenant", std::make_shared<AppListCommand>());
    add_app_verb(app, "show", "One app in full", AppCommand::Verb::show);
    add_app_verb(app, "delete", "Remove an app everywhere", AppCommand::Verb::erase);
    add_app_life(app);
    add_app_verb(root_, "explain", "Why an app is where it is, and why not elsewhere", AppCommand::Verb::explain);
  }

  void add_app_verb(CLI::App& parent, const char* name, const char* help, AppCommand::Verb verb) {
    auto command = std::make_shared<AppCommand>();
    command->verb = verb;
    auto* app = leaf(parent, name, help, command);
    app->add_option("APP", command->app, "Name of the app")->required();
    if (verb == AppCommand::Verb::erase) app->add_flag("--yes", command->yes, "Do not ask");
  }

  void add_app_life(CLI::App& app) {
    auto logs = std::make_shared<AppLogsCommand>();
    auto* reading = leaf(app, "logs", "The last lines of its replicas, from their sites", logs);
    reading->add_option("APP", logs->app, "Name of the app")->required();
    reading->add_option("--site", logs->site, "Only of this site (id or city)");
    reading->add_option("--lines", logs->lines, "So many of each replica")->check(CLI::Range(1, 1000));
    reading->add_flag("--follow", logs->follow, "Go on with what comes");
    auto top = std::make_shared<AppTopCommand>();
    leaf(app, "top", "What its replicas take now", top)->add_option("APP", top->app, "Name of the app")->required();
    auto releases = std::make_shared<AppReleasesCommand>();
    leaf(app, "releases", "What was deployed under this name, and what became of it", releases)
        ->add_option("APP", releases->app, "Name of the app")
        ->required();
    auto back = std::make_shared<AppRollbackCommand>();
    auto* rolling = leaf(app, "rollback", "Deploy an earlier release again", back);
    rolling->add_option("APP", back->app, "Name of the app")->required();
    rolling->add_option("--to", back->to, "Its number (default: the last good one before the present)");
    rolling->add_flag("--no-wait", back->no_wait, "Do not wait until it is ready everywhere");
  }

  void add_image() {
    CLI::App& image = group("image", "Container images: keys and signatures");
    auto key = std::make_shared<ImageKeyCommand>();
    leaf(image, "key", "Make a key that signs images; prints its public half", key)
        ->add_option("FILE", key->file, "Where the private half goes")
        ->required();
    auto sign = std::make_shared<ImageSignCommand>();
    auto* signing = leaf(image, "sign", "Sign an image; prints what its app file says of it", sign);
    signing->add_option("ARCHIVE", sign->archive, "OCI archive: podman save --format oci-archive")->required();
    signing->add_option("--key", sign->key, "As 'barrio image key' or 'openssl genpkey -algorithm ed25519' makes it")
        ->required();
  }

  void add_secret() {
    CLI::App& secret = group("secret", "Values that a tenant's containers and programs get, and nobody reads back");
    leaf(secret, "list", "Their names", std::make_shared<SecretCommand>());
    auto set = std::make_shared<SecretCommand>();
    set->verb = SecretCommand::Verb::set;
    leaf(secret, "set", "Make or replace one; its value is read from the standard input", set)
        ->add_option("NAME", set->name)
        ->required();
    auto erase = std::make_shared<SecretCommand>();
    erase->verb = SecretCommand::Verb::erase;
    leaf(secret, "delete", "Remove one that no app uses", erase)->add_option("NAME", erase->name)->required();
  }

  void add_infer() {
    auto infer = std::make_shared<InferCommand>();
    auto* app = leaf(root_, "infer", "Send one request to an app at the best gateway", infer);
    app->add_option("APP", infer->app, "Name of the app")->required();
    app->add_option("--image", infer->image, "JPEG file, sent as the model's BYTES input");
    app->add_option("--input", infer->inputs, "name=1,2,3:FP32[1,3]; may be repeated")->take_all()->delimiter('\0');
    app->add_option("--json", infer->json, "File with a whole Open Inference Protocol request");
    app->add_option("--save", infer->saves, "OUTPUT=FILE; a BYTES output as it is; may be repeated")
        ->take_all()
        ->delimiter('\0');
    app->add_option("--gateway", infer->gateway, "Ask this gateway (ip:port) instead of the best one");
  }

  void add_usage() {
    auto usage = std::make_shared<UsageCommand>();
    auto* app = leaf(root_, "usage", "What was used: a tenant's own, or all as operator", usage);
    app->add_option("--tenant", usage->tenant, "Only this tenant's");
    app->add_option("--app", usage->app, "Only this app's");
    app->add_option("--bucket", usage->bucket, "Only this bucket's");
    app->add_option("--site", usage->site, "Only at this site");
    app->add_option("--from", usage->from, "2026-11-24 or 2026-11-24T10:00:00Z; default: 24 hours ago");
    app->add_option("--to", usage->to, "The same; not included; default: now");
    app->add_option("--by", usage->by,
                    "tenant, app, bucket, site, to, hour, day, month, or several: app,day; default: app,bucket,site");
    app->add_flag("--cost", usage->cost, "Tell what it costs, too");
    CLI::App& price = group("price", "What the operator charges");
    auto set = std::make_shared<PriceSetCommand>();
    leaf(price, "set", "Charge as this file (YAML) says: from, prices", set)->add_option("FILE", set->file)->required();
    leaf(price, "list", "All prices, and since when", std::make_shared<PriceListCommand>());
  }

  void add_audit() {
    auto audit = std::make_shared<AuditCommand>();
    auto* app = leaf(root_, "audit", "Who changed what: a tenant's own, or all as operator", audit);
    app->add_option("--tenant", audit->tenant, "Only this tenant's");
    app->add_option("--from", audit->from, "2026-11-24 or 2026-11-24T10:00:00Z; default: 24 hours ago");
    app->add_option("--to", audit->to, "The same; not included; default: now");
    auto events = std::make_shared<EventsCommand>();
    auto* watch = leaf(root_, "events", "What happens, as it happens; Ctrl-C ends it", events);
    watch->add_option("--tenant", events->tenant, "Only this tenant's, and those of sites");
    watch->add_option("--for", events->within, "End after this time, like 30s");
  }

  void add_context() {
    CLI::App& context = group("context", "Credentials kept in the home folder");
    leaf(context, "list", "All contexts", std::make_shared<ContextListCommand>());
    leaf(root_, "token", "Print an access token, for curl and other clients", std::make_shared<TokenCommand>());
    auto use = std::make_shared<ContextUseCommand>();
    leaf(context, "use", "Speak as this one without --as", use)->add_option("NAME", use->name)->required();
    auto set = std::make_shared<ContextSetCommand>();
    auto* app = leaf(context, "set", "Add or replace one; the secret is read from the standard input", set);
    app->add_option("NAME", set->name)->required();
    app->add_option("--control", set->control, "http://IP:PORT or https://IP:PORT")->required();
    app->add_option("--ca", set->ca, "With https: PEM file of the authority of control's certificate");
    app->add_option("--client-id", set->client_id)->required();
  }

  void add_cert() {
    CLI::App& cert = group("cert", "Certificates for TLS: an own authority, and one for each site");
    auto ca = std::make_shared<CertCaCommand>();
    leaf(cert, "ca", "Make a certificate authority: DIR/ca.pem and DIR/ca.key", ca)
        ->add_option("DIR", ca->folder)
        ->required();
    auto issue = std::make_shared<CertIssueCommand>();
    auto* issuing =
        leaf(cert, "issue", "Make a certificate of a site (DIR/ID.pem) or of control, for the key DIR/ID.key", issue);
    issuing->add_option("DIR", issue->folder, "Folder of the authority")->required();
    issuing->add_option("--site", issue->site, "Id of the site");
    issuing->add_flag("--control", issue->control, "For the members of control: DIR/control.pem, DIR/control.key");
    issuing->add_option("--name", issue->names, "DNS name that clients use; may be repeated");
    issuing->add_option("--ip", issue->ips, "IP address that clients use; may be repeated");
    issuing->add_option("--days", issue->days, "How long it is valid")->check(CLI::Range(1, 3650));
    auto show = std::make_shared<CertShowCommand>();
    leaf(cert, "show", "What is in a certificate file", show)->add_option("FILE", show->file, "PEM file")->required();
  }

  void add_log() {
    CLI::App& log = group("log", "The sites' transparency logs");
    auto keys = std::make_shared<LogKeysCommand>();
    leaf(log, "keys", "The public keys of logs and witnesses, as their sites tell them", keys)
        ->add_option("--site", keys->site, "Only of this site (id or city)");
    auto check = std::make_shared<LogCheckCommand>();
    auto* checking = leaf(log, "check", "Read a site's whole log, and hold it against its checkpoint", check);
    checking->add_option("SITE", check->site, "Id or city")->required();
    checking->add_option("--keys", check->keys, "File of trusted keys")->required();
  }

  void add_proof() {
    auto prove = std::make_shared<ProveCommand>();
    auto* proving = leaf(root_, "prove", "Write what the sites' logs say of a tenant to a file that proves it", prove);
    proving->add_option("--tenant", prove->tenant)->required();
    proving->add_option("--jurisdiction", prove->jurisdiction, "Where its data should be, like ES-PV");
    proving->add_option("--from", prove->from, "2026-11-24 or 2026-11-24T10:00:00Z: logged from then on")->required();
    proving->add_option("--to", prove->to, "The same; not included; default: now");
    proving->add_option("--out", prove->out, "The file")->required();
    proving->add_option("--subject", prove->subjects, "Name of an object or app to recognise; may be repeated");
    proving->add_flag("--leaves-only", prove->leaves_only,
                      "Single leaves: shorter, and does not show that all are there");
    auto verify = std::make_shared<VerifyCommand>();
    auto* verifying = leaf(root_, "verify", "Check such a file, offline", verify);
    verifying->add_option("FILE", verify->file)->required();
    verifying->add_option("--keys", verify->keys, "File of trusted keys, from 'barrio log keys'")->required();
    verifying->add_option("--cosignatures", verify->cosignatures, "Trusted witnesses that each checkpoint must have")
        ->check(CLI::Range(0, 64));
    verifying->add_flag("--partial", verify->partial, "Take a file that has nothing of some trusted log");
    auto witness = std::make_shared<WitnessCommand>();
    auto* serving = leaf(root_, "witness", "Cosign logs that only ever grow (C2SP tlog-witness)", witness);
    serving->add_option("--listen", witness->listen, "IP:PORT")->required();
    serving->add_option("--folder", witness->folder, "Its key, and what it has seen")->required();
    serving->add_option("--name", witness->name, "Of its key, when it is made: like witness.example.org")->required();
    serving->add_option("--keys", witness->keys, "File of the keys of logs that it cosigns")->required();
  }

  void add_shell() {
    auto completion = std::make_shared<CompletionCommand>();
    auto* app = leaf(root_, "completion", "Print a completion script: source <(barrio completion bash)", completion);
    app->add_option("SHELL", completion->shell)->required()->check(one_of({"bash", "zsh", "fish"}));
    app->parse_complete_callback([this, completion] { completion->words = words_of(root_); });
    auto names = std::make_shared<NamesCommand>();
    auto* listing = leaf(root_, "names", "For completion scripts: the names that are known", names);
    listing->group(hidden_group);
    listing->add_option("KIND", names->kind)->required()->check(one_of({"app", "bucket", "context", "site", "tenant"}));
    leaf(root_, "version", "Print the version", std::make_shared<VersionCommand>());
    auto words = std::make_shared<std::vector<std::string>>();
    auto* help = root_.add_subcommand("help", "What a command does: barrio help app deploy");
    help->add_option("COMMAND", *words);
    help->callback([this, words] { parsed_.exit = show_help(*words); });
  }

  int show_help(const std::vector<std::string>& words) const {
    const CLI::App* of = &root_;
    for (const std::string& word : words) {
      const auto found = of->get_subcommands([&](const CLI::App* child) { return child->get_name() == word; });
      if (found.empty()) return refuse(*of, unknown_text(*of, root_, word));
      of = found.front();
    }
    // Not help(): of the root it would be that of the command that was typed, which is this one.
    const std::string name = of == &root_ ? "barrio" : "barrio " + path_of(*of);
    std::fputs(of->get_formatter()->make_help(of, name, CLI::AppFormatMode::Normal).c_str(), stdout);
    return static_cast<int>(Exit::ok);
  }

  void add_roles() {
    add_role("control", "The control plane", Role::control);
    add_role("site", "", Role::site);
    add_role("wan", "The relay that emulates distance", Role::wan);
    add_role("cameras", "The emulated cameras", Role::cameras);
  }

  void add_role(const char* name, const char* help, Role role) {
    auto command = std::make_shared<RoleCommand>();
    command->role = role;
    if (role == Role::site) {  // "site" is a group already: its process is "site serve"
      auto* serve = leaf(*root_.get_subcommand("site"), "serve", "Internal: one site's gateway and agent", command);
      serve->add_option("--config", command->config)->required();
      return;
    }
    auto* app = leaf(root_, name, help, command);
    app->group(internal_group);
    app->add_option("--config", command->config, "YAML file")->required();
    if (role != Role::control) return;
    app->add_option("--state", command->state, "sqlite or etcd; default: as the file says")
        ->check(one_of({"sqlite", "etcd"}));
    app->add_option("--etcd-endpoints", command->etcd_endpoints, "http://IP:PORT of its members, with commas between")
        ->delimiter(',');
  }

  void add_engine() {
    auto engine = std::make_shared<EngineCommand>();
    auto* app = leaf(root_, "engine", "Models behind an endpoint", engine);
    app->group(internal_group);
    auto* config = app->add_option("--config", engine->config, "YAML file: devices, models; instead of the rest");
    auto* control =
        app->add_option("--control", engine->control, "unix:PATH, where a site's runtime says what to serve");
    app->add_option("--usage", engine->usage, "A folder: what streams used is counted there until the site has it")
        ->needs(control);
    const auto of_its_own = [=](CLI::Option* option) { option->excludes(config)->excludes(control); };
    of_its_own(app->add_option("--listen", engine->listen, "unix:PATH or ip:port"));
    of_its_own(app->add_option("--name", engine->name, "Name of the model in requests"));
    of_its_own(app->add_option("--backend", engine->backend));
    of_its_own(app->add_option("--builtin", engine->builtin,
                               "A model built into the backend; for profile and oip: their settings"));
    of_its_own(app->add_option("--model", engine->model, "A model file"));
    app->add_option("--workers", engine->workers, "Requests computed at the same time")
        ->check(CLI::Range(1, 256))
        ->excludes(config);
    app->add_option("--isolate", engine->isolate, "Tenants' models in confined processes, or in the engine itself")
        ->check(one_of({"process", "none"}))
        ->capture_default_str();
    app->add_option("--memory", engine->memory,
                    "What each of its models may take, like 512MiB (default: 1GiB and four times its file)")
        ->excludes(control);
    auto worker = std::make_shared<ModelWorkerCommand>();
    auto* process = leaf(root_, "model-worker", "One model's process", worker);
    process->group(hidden_group);
    process->add_option("--backend", worker->backend)->required()->check(one_of({"opencv", "onnx"}));
  }

  Parsed& parsed_;
  Output output_ = Output::table;
  CLI::App root_{"Barrio: one edge cloud from a telecom operator's small sites", "barrio"};
};

}  // namespace

Parsed parse_options(int argc, char** argv) {
  Parsed parsed;
  Grammar grammar(parsed);
  grammar.build();
  const int exit = grammar.parse(argc, argv);
  if (exit >= 0) parsed.exit = exit;
  return parsed;
}

}  // namespace barrio::cli
