#pragma once
// The processes of a running system. Each serve_* function wires one process and runs it until SIGINT or SIGTERM; its
// files are written by `barrio up`, or by hand for an installation.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/options.h"
#include "gateway/telemetry_config.h"

namespace barrio::cli {

struct AccountFile {
  std::string client_id;
  std::string client_secret;
  std::string role;     // operator, tenant or site
  std::string subject;  // tenant's name, "operator" or site id
};
BARRIO_DESCRIBE(AccountFile, (), (client_id, client_secret, role, subject))

/// Control's state in an etcd cluster (docs/operations/state.md).
struct EtcdFile {
  std::vector<std::string> endpoints;     // "http://10.0.0.1:2379"; https with the files below
  std::optional<std::string> prefix;      // of all keys; none: barrio/
  std::optional<std::string> ca = {};     // PEM files: whom to trust,
  std::optional<std::string> chain = {};  // and what to show
  std::optional<std::string> key = {};
};
BARRIO_DESCRIBE(EtcdFile, (), (endpoints, prefix, ca, chain, key))

/// Paths of PEM files.
struct TlsCertificateFile {
  std::string chain;
  std::string key;
};
BARRIO_DESCRIBE(TlsCertificateFile, (), (chain, key))

/// TLS for those who ask control, docs/tls.md.
struct ControlTlsFile {
  std::string listen;
  std::vector<TlsCertificateFile> certificates;
  /// A site's token then counts only with the site's certificate of it, whose key was approved.
  std::optional<std::string> site_ca = {};
  std::optional<std::string> site_ca_key = {};  // control then signs the certificates of approved sites itself
  std::optional<std::string> member_ca = {};    // the other members have certificates of it
};
BARRIO_DESCRIBE(ControlTlsFile, (), (listen, certificates, site_ca, site_ca_key, member_ca))

/// How fast what lost and draining sites had is made elsewhere, docs/operations/failover.md.
struct FailoverFile {
  std::optional<int64_t> starts_at_once = {};  // at each site; none: 2
  std::optional<Duration> spare_after = {};    // where the others serve all that is asked; none: 2 minutes
  Result<void> check() const;
};
BARRIO_DESCRIBE(FailoverFile, (), (starts_at_once, spare_after))

struct ControlFile {
  std::string listen;
  std::string network;  // file, imported on the first start only
  std::string state;    // SQLite file
  std::string blobs;    // folder
  bool open_console = false;
  std::optional<bool> emulated_models = {};         // accepts apps of the backend profile, for tests
  std::vector<AccountFile> accounts;                // made on the first start, where they do not exist
  std::optional<EtcdFile> etcd = {};                // instead of the file `state`
  std::optional<std::string> member = {};           // its name among `members`
  std::map<std::string, std::string> members = {};  // all of control, by name: "ip:port" or "https://ip:port"
  /// Where browsers reach each of them: "https://control-1.example"; none: as `members` has it.
  std::optional<std::map<std::string, std::string>> consoles = {};
  std::optional<ControlTlsFile> tls = {};  // one more listener
  std::optional<FailoverFile> failover = {};
  static constexpr std::string_view defaulted[] = {"open_console"};
};
BARRIO_DESCRIBE(ControlFile, (),
                (listen, network, state, blobs, open_console, emulated_models, accounts, etcd, member, members,
                 consoles, tls, failover))

/// TLS for clients, docs/tls.md.
struct TlsFile {
  std::string listen;
  std::vector<TlsCertificateFile> certificates;   // by the name that is asked for; the first for all others
  std::optional<std::string> ticket_secret_file;  // the same at all sites that resume each other's sessions
  std::optional<std::string> client_ca;           // clients must have a certificate of it
};
BARRIO_DESCRIBE(TlsFile, (), (listen, certificates, ticket_secret_file, client_ca))

/// Mutual TLS between sites.
struct PeerTlsFile {
  std::string ca;
  std::string chain;
  std::string key;
  std::optional<bool> from_control = {};  // the key is made and the certificate asked for where they are missing
};
BARRIO_DESCRIBE(PeerTlsFile, (), (ca, chain, key, from_control))

/// Storage's bytes in an S3 service at the site, docs/storage.md.
struct StorageS3File {
  std::string endpoint;                     // "https://HOST:PORT" or "http://HOST:PORT"
  std::string bucket;                       // is there already, without versions
  std::string credentials_file;             // key_id and secret, which others cannot read
  std::optional<std::string> prefix = {};   // of all keys, nobody else's; none: the site's id
  std::optional<std::string> region = {};   // none: us-east-1
  std::optional<std::string> ca_file = {};  // PEM; none: those that the system trusts
};
BARRIO_DESCRIBE(StorageS3File, (), (endpoint, bucket, credentials_file, prefix, region, ca_file))

/// Objects, docs/storage.md.
struct StorageFile {
  std::string listen;                          // of its S3 service
  std::string key_file;                        // the site's own key: 64 hex digits, not in the site's folder
  std::optional<std::string> folder = {};      // none: "storage" in the site's
  std::optional<StorageS3File> s3 = {};        // objects, journal and keys there instead of in the folder
  std::optional<std::string> advertised = {};  // "host:port" as others reach it; none: as it listens
  std::optional<std::string> tls_listen = {};  // with the certificates of `tls`
  std::vector<std::string> hosts;              // BUCKET.HOST is a bucket, too
  std::optional<Bytes> copy_rate = {};         // a second, to a site that is brought in step; none: 32 MiB
  std::optional<Bytes> cache = {};             // of what was read last, opened, in memory; none: 128 MiB
};
BARRIO_DESCRIBE(StorageFile, (), (listen, key_file, folder, s3, advertised, tls_listen, hosts, copy_rate, cache))

/// The registry that images are put into, and nodes pull from, docs/containers.md.
struct RegistryFile {
  std::string server;                                // "https://10.0.1.5:5000"
  std::optional<std::string> pulled_as = {};         // "registry.example:5000", as nodes name it; none: as above
  std::optional<std::string> prefix = {};            // of all repositories; none: barrio
  std::optional<std::string> ca_file = {};           // none: the system's authorities
  std::optional<std::string> credentials_file = {};  // "user:password"
};
BARRIO_DESCRIBE(RegistryFile, (), (server, pulled_as, prefix, ca_file, credentials_file))

/// The cluster that a site's containers run in, docs/containers.md.
struct KubernetesFile {
  std::optional<std::string> server = {};      // "https://10.0.1.2:6443"; none: that of the pod that this process is in
  std::optional<std::string> ca_file = {};     // none: the pod's, or the system's authorities
  std::optional<std::string> token_file = {};  // none: the pod's, or a certificate,
  std::optional<std::string> client_cert_file = {};  // which is shown instead,
  std::optional<std::string> client_key_file = {};   // and its key
  std::optional<std::string> namespace_prefix = {};  // of the tenants' namespaces; none: barrio
  std::vector<std::string> gateway;                  // networks that the gateway connects from: "10.0.1.1/32"
  std::map<std::string, std::string> node_selector;  // labels of the nodes that stand at this site
  RegistryFile registry;
};
BARRIO_DESCRIBE(KubernetesFile, (),
                (server, ca_file, token_file, client_cert_file, client_key_file, namespace_prefix, gateway,
                 node_selector, registry))

/// How a site runs programs, docs/programs.md.
struct ProgramsFile {
  std::optional<std::string> bwrap = {};  // none: /usr/bin/bwrap
  std::optional<std::string> cgroup =
      {};  // folder of a group of cgroups v2 that limits them; none: no programs, unless
  std::optional<bool> without_cgroup = {};  // true: they are trusted not to get around what limits them without it
};
BARRIO_DESCRIBE(ProgramsFile, (), (bwrap, cgroup, without_cgroup))

/// A site's transparency log, docs/proof.md.
struct LogFile {
  std::vector<std::string> witnesses = {};     // "http://IP:PORT/PREFIX=NAME+HASH+KEY"
  std::optional<int64_t> peer_witnesses = {};  // other sites that are asked; none: 3
  std::optional<int64_t> cosignatures = {};    // required before a checkpoint is published; none: 0
};
BARRIO_DESCRIBE(LogFile, (), (witnesses, peer_witnesses, cosignatures))

/// GET /log/keys.
struct LogKeysText {
  std::string log;
  std::string witness;
};
BARRIO_DESCRIBE(LogKeysText, (), (log, witness))

struct SiteFile {
  std::string site;
  std::string listen;  // also the address it advertises
  /// "https://ip:port", or all members with commas between; "ip:port" in clear. With https, control's certificate is of
  /// peer_tls.ca, and the site's own is presented to it.
  std::string control;
  std::string client_id;
  std::string client_secret;
  std::string folder;
  std::string core;         // the fake core network's file
  std::string peer_secret;  // counts only without peer_tls
  std::vector<std::string> proxy_peers;
  std::map<std::string, std::string> peers;  // site -> "ip:port", where not as advertised
  std::optional<gateway::AccessLogConfig> access_log;
  std::optional<gateway::TracingConfig> tracing;
  std::optional<TlsFile> tls = {};
  std::optional<PeerTlsFile> peer_tls = {};
  std::optional<bool> emulated_models = {};  // runs models of the backend profile, for tests
  /// For so long after a request the gateway looks for the next one without sleeping: less latency for a busy core.
  std::optional<int64_t> busy_poll_us = {};
  std::optional<std::string> engine = {};         // a file with the devices of its engine; none: the machine's cores
  std::optional<std::string> podman = {};         // "unix:PATH" of podman's service
  std::optional<KubernetesFile> kubernetes = {};  // with neither, this site runs no containers
  std::optional<ProgramsFile> programs = {};      // none: this site runs no programs
  std::optional<LogFile> log = {};
  std::optional<StorageFile> storage = {};  // none: this site keeps no objects
};
BARRIO_DESCRIBE(SiteFile, (),
                (site, listen, control, client_id, client_secret, folder, core, peer_secret, proxy_peers, peers, tls,
                 peer_tls, access_log, tracing, emulated_models, busy_poll_us, engine, podman, kubernetes, programs,
                 log, storage))

Result<void> serve_control(const RoleCommand& command);
Result<void> serve_site(const std::string& config);
/// A witness of logs on its own, docs/proof.md.
Result<void> serve_witness(const WitnessCommand& command);
Result<void> serve_wan(const std::string& config);
Result<void> serve_cameras(const std::string& config);
/// Returns what the process exits with (engine/engine_main.h).
int serve_engine(const EngineCommand& command);
[[noreturn]] void serve_model_worker(const ModelWorkerCommand& command);

}  // namespace barrio::cli
