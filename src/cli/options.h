#pragma once
// What was typed, as values. options.cpp alone knows the parser; run.cpp acts on them.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace barrio::cli {

enum class Output { table, json, csv };  // csv: of usage only

struct GlobalOptions {
  std::string home;
  std::string as;  // context; empty: by command
  Output output = Output::table;
  bool no_input = false;
  std::string command = {};             // "app deploy"
  std::vector<std::string> names = {};  // what stood after it, without options: "app.yaml"
};

struct UpCommand {
  std::string network = "data/networks/spain.yaml";
  bool once = false;
  bool keep = false;
  std::string state = "sqlite";  // or "etcd": three members of it and of control
};
/// One process of the running system; `barrio up` starts these.
enum class Role { control, site, wan, cameras };
struct RoleCommand {
  Role role = Role::control;
  std::string config;
  // Of control, instead of what the file says.
  std::string state;  // "sqlite" or "etcd"
  std::vector<std::string> etcd_endpoints;
};
struct StateCommand {
  enum class Verb { save, load } verb = Verb::save;
  std::string file;
  std::string config;      // control's file
  bool overwrite = false;  // load: what is there goes
};
struct ConfigCommand {
  enum class Verb { show, retry, force, network } verb = Verb::show;
  std::string target;  // a change; network: a file, or empty to show what it has
};
struct EngineCommand {
  std::string config;   // a file with all of it, instead of the rest; with --control its devices
  std::string control;  // a socket where a site's runtime says what to serve, instead of models of its own
  std::string usage;    // with control: a folder where what streams used is counted; empty: nobody is to pay for it
  std::string listen;
  std::string name;
  std::string backend;
  std::string builtin;
  std::string model;
  std::optional<int> workers;       // none: 1; with --control as many as there are cores
  std::string isolate = "process";  // or "none": models run in the engine itself
  std::string memory;               // of each of its models, beyond the programs; empty: no limit
};
/// One model's process, started by an engine (adapters/model_process).
struct ModelWorkerCommand {
  std::string backend;
};
struct TopCommand {
  bool once = false;
};
struct SiteListCommand {};
struct SiteCommand {
  enum class Verb { show, activate, drain, retire } verb = Verb::show;
  std::string site;  // id or city
  bool yes = false;  // retire: do not ask
};
struct SiteAddCommand {
  std::string file;
};
struct SiteSetCommand {
  std::string file;
};
struct SiteAccountCommand {
  std::string site;  // id or city
  bool replace = false;
};
struct SiteDevicesCommand {};
struct SiteJoinCommand {
  std::string config;
};
struct SitePendingCommand {
  bool all = false;
};
struct SiteApproveCommand {
  std::string site;  // id or city
  std::string fingerprint;
};
struct SiteRevokeCommand {
  std::string site;         // id or city
  std::string fingerprint;  // empty: all keys
  bool yes = false;
};
struct AppDeployCommand {
  std::string file;
  bool no_wait = false;
};
struct AppListCommand {};
struct AppCommand {
  enum class Verb { show, erase, explain } verb = Verb::show;
  std::string app;
  bool yes = false;
};
struct AppLogsCommand {
  std::string app;
  std::string site;  // id or city; empty: all that have a replica
  int lines = 100;
  bool follow = false;
};
struct AppTopCommand {
  std::string app;
};
struct AppReleasesCommand {
  std::string app;
};
struct AppRollbackCommand {
  std::string app;
  int64_t to = 0;  // 0: the last one before the present that was rolled out
  bool no_wait = false;
};
struct ImageKeyCommand {
  std::string file;
};
struct ImageSignCommand {
  std::string archive;
  std::string key;
};
struct SecretCommand {
  enum class Verb { set, list, erase } verb = Verb::list;
  std::string name;
};
struct InferCommand {
  std::string app;
  std::string image;
  std::string json;
  std::vector<std::string> inputs;      // "name=1,2,3:FP32[1,3]"
  std::string gateway;                  // "ip:port"; empty: the best by discovery
  std::vector<std::string> saves = {};  // "output=file"
};
struct TenantListCommand {};
struct TenantCreateCommand {
  std::string name;
};
/// What is not given keeps the default.
struct TenantQuotaCommand {
  std::string name;
  std::optional<double> rate;
  std::optional<int64_t> burst;
  std::optional<int64_t> in_flight;
  std::string body;  // "16MiB"
  std::optional<double> weight;
  std::string storage;  // "100GiB"
  std::optional<int64_t> buckets;
  bool receipts = false;
  bool no_receipts = false;
  bool defaults = false;
};
struct TenantShowCommand {
  std::string name;
};
struct TenantSetCommand {
  std::string name;
  std::string spend_cap;  // "100EUR", "none"
};
struct KeyCreateCommand {
  std::string tenant;
  std::vector<std::string> scopes = {"infer"};
  std::string expires;  // "90d", "12h"; empty: never
};
struct KeyListCommand {
  std::string tenant;
};
struct KeyRevokeCommand {
  std::string tenant;
  std::string id;
};
struct TenantEraseCommand {
  std::string name;
  bool sure = false;
  bool only_status = false;
};
struct S3KeyCommand {
  enum class Verb { create, list, revoke } verb = Verb::list;
  std::string tenant;
  std::string id;
};
struct BucketCreateCommand {
  std::string name;
  std::string location;
  std::string policy;  // YAML file
  int copies = 1;
  bool object_lock = false;
};
struct BucketCopiesCommand {
  std::string name;
  int copies = 1;
};
struct BucketListCommand {};
struct BucketDeleteCommand {
  std::string name;
};
struct ObjectCommand {
  enum class Verb { put, get, ls, rm, policy } verb = Verb::ls;
  std::string target;  // BUCKET/KEY, BUCKET/PREFIX or BUCKET
  std::string file;    // empty or "-": standard input or output
};
/// Everything that a tenant has, into a folder that is new.
struct ExportCommand {
  std::string folder;
  bool versions = false;  // all of them, of buckets that keep versions
};
struct ContextListCommand {};
struct TokenCommand {};
struct ContextUseCommand {
  std::string name;
};
struct ContextSetCommand {
  std::string name;
  std::string control;
  std::string client_id;
  std::string ca;
};
struct UsageCommand {
  std::string tenant;
  std::string app;
  std::string bucket;
  std::string site;
  std::string from;
  std::string to;
  std::string by;
  bool cost = false;
};
struct PriceSetCommand {
  std::string file;
};
struct PriceListCommand {};
struct AuditCommand {
  std::string tenant;
  std::string from;
  std::string to;
};
struct EventsCommand {
  std::string tenant;
  std::string within;  // a duration; empty: until interrupted
};
struct LogKeysCommand {
  std::string site;  // id or city; empty: all
};
struct LogCheckCommand {
  std::string site;
  std::string keys;
};
struct ProveCommand {
  std::string tenant;
  std::string jurisdiction;  // empty: any
  std::string from;
  std::string to;
  std::string out;
  std::vector<std::string> subjects;
  bool leaves_only = false;
};
struct VerifyCommand {
  std::string file;
  std::string keys;
  int cosignatures = 0;
  bool partial = false;
};
struct WitnessCommand {
  std::string listen;
  std::string folder;
  std::string name;
  std::string keys;
};
struct CertCaCommand {
  std::string folder;
};
struct CertIssueCommand {
  std::string folder;
  std::string site;      // or
  bool control = false;  // for control's members
  std::vector<std::string> names;
  std::vector<std::string> ips;
  int days = 90;
};
struct CertShowCommand {
  std::string file;
};
/// What a completion script offers for a value: names of a kind that `barrio names` lists, "file", words with commas
/// between, or nothing.
using ValueKind = std::string;
struct CommandWords {
  std::vector<std::string> commands;         // that may follow
  std::map<std::string, ValueKind> options;  // "--site", that take a value
  std::vector<std::string> flags;            // that take none
  std::vector<ValueKind> arguments;          // in their order
};
struct CompletionCommand {
  std::string shell;
  std::map<std::string, CommandWords> words;  // by command path; "": what may stand at any
};
/// The names that a completion script offers, one a line: of "app", "bucket", "context", "site" or "tenant".
struct NamesCommand {
  std::string kind;
};
struct VersionCommand {};

using Command = std::variant<
    UpCommand, RoleCommand, EngineCommand, ModelWorkerCommand, TopCommand, SiteListCommand, SiteCommand, StateCommand,
    SiteDevicesCommand, SiteAddCommand, SiteSetCommand, SiteAccountCommand, SiteJoinCommand, SitePendingCommand,
    SiteApproveCommand, SiteRevokeCommand, AppDeployCommand, AppListCommand, AppCommand, AppLogsCommand, AppTopCommand,
    AppReleasesCommand, AppRollbackCommand, ImageKeyCommand, ImageSignCommand, SecretCommand, InferCommand,
    TenantListCommand, TenantCreateCommand, TenantQuotaCommand, TenantShowCommand, TenantSetCommand, KeyCreateCommand,
    KeyListCommand, KeyRevokeCommand, S3KeyCommand, TenantEraseCommand, BucketCreateCommand, BucketCopiesCommand,
    BucketListCommand, BucketDeleteCommand, ObjectCommand, ExportCommand, ContextListCommand, TokenCommand,
    ContextUseCommand, ContextSetCommand, UsageCommand, PriceSetCommand, PriceListCommand, AuditCommand, ConfigCommand,
    EventsCommand, LogKeysCommand, LogCheckCommand, ProveCommand, VerifyCommand, WitnessCommand, CertCaCommand,
    CertIssueCommand, CertShowCommand, CompletionCommand, NamesCommand, VersionCommand>;

inline constexpr const char* program_version = "0.1.0";

struct Parsed {
  /// Set when there is nothing to do: help was shown (0) or the usage was wrong (2).
  int exit = -1;
  GlobalOptions global;
  Command command;
};
Parsed parse_options(int argc, char** argv);

}  // namespace barrio::cli
