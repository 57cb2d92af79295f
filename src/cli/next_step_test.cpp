#include "cli/next_step.h"

#include <doctest/doctest.h>

namespace barrio::cli::next_step_test {

namespace {

struct Case {
  Error error;
  Typed typed;
  std::string next;  // how it begins; "": none
};

std::string start() {
  return "barrio up, or --home FOLDER";
}

const Case cases[] = {
    // Sites
    {{Code::not_found, "there is no site or city 'atlantis'; GET /barrio/v1/sites lists all", "site"},
     {"site show", {"atlantis"}},
     "barrio site list"},
    {{Code::not_found, "there is no site 'atlantis'", "site"}, {"app logs", {"risk"}}, "barrio site list"},
    {{Code::conflict, "it holds replicas", "site"}, {"site retire", {"bio1"}}, "barrio site show bio1"},
    {{Code::invalid, "'madrid' must be a site (bio1), a region or a country", "location"},
     {"bucket create", {"b"}},
     "barrio site list"},
    // Buckets and objects
    {{Code::not_found, "there is no bucket 'nobucket'", "bucket"},
     {"object get", {"nobucket/x"}},
     "barrio bucket list"},
    {{Code::not_found, "no such key (NoSuchKey)", "frames"}, {"object get", {"frames/x"}}, "barrio object ls frames"},
    {{Code::conflict, "not empty (BucketNotEmpty)", "frames"},
     {"bucket delete", {"frames"}},
     "barrio object ls frames"},
    {{Code::denied, "the policy forbids it (AccessDenied)", "frames"},
     {"object get", {"frames/x"}},
     "barrio object policy frames"},
    {{Code::unavailable, "connect: Connection refused", "the home bio1 of frames: 127.20.1.8:7480"},
     {"object ls", {"frames"}},
     "barrio site list"},
    {{Code::conflict, "is there already; name a new folder", "mine"}, {"export", {"mine"}}, ""},
    // Apps
    {{Code::not_found, "there is no app 'risk' of tenant acme; it has none", "app"},
     {"app show", {"risk"}},
     "barrio app list"},
    {{Code::not_found, "tenant 'acme' has no app 'risk'; nearest: apps of this tenant: ", ""},
     {"infer", {"risk"}},
     "barrio app list"},
    {{Code::not_found, "there is no release 99", "generation"}, {"app rollback", {"risk"}}, "barrio app releases risk"},
    {{Code::conflict, "has no earlier release", "generation"}, {"app rollback", {"risk"}}, "barrio app releases risk"},
    {{Code::conflict, "no site answers in 1 ms", "objective"},
     {"app deploy", {"app.yaml"}},
     "correct app.yaml, then barrio app deploy app.yaml"},
    {{Code::conflict, "no site takes it: power", "risk"}, {"app deploy", {"app.yaml"}}, "barrio explain risk"},
    {{Code::unavailable, "the release was stopped: mad1: no model", "risk"},
     {"app deploy", {"app.yaml"}},
     "barrio app releases risk"},
    {{Code::invalid, "the release was stopped: mad1: no model", "risk"},
     {"app deploy", {"app.yaml"}},
     "barrio app releases risk"},
    {{Code::timed_out, "no replica became ready in time", "risk"}, {"app deploy", {"app.yaml"}}, "barrio explain risk"},
    {{Code::conflict, "has no replica anywhere", "risk"}, {"app logs", {"risk"}}, "barrio explain risk"},
    {{Code::unavailable, "connect: Connection refused", "gateway 127.20.1.8:7000"},
     {"infer", {"risk"}},
     "barrio site list"},
    // Tenants
    {{Code::conflict, "a tenant or client with the name 'acme' exists", "name"},
     {"tenant create", {"acme"}},
     "barrio tenant list"},
    {{Code::not_found, "there is no tenant 'nobody'"}, {"tenant key create", {"nobody"}}, "barrio tenant list"},
    {{Code::not_found, "tenant acme has no key 'x'"},
     {"tenant key revoke", {"acme", "x"}},
     "barrio tenant key list acme"},
    {{Code::not_found, "tenant acme has no S3 key 'x'"},
     {"tenant s3-key revoke", {"acme"}},
     "barrio tenant s3-key list acme"},
    {{Code::not_found, "tenant acme has no secret 'x'"}, {"secret delete", {"x"}}, "barrio secret list"},
    // Who speaks
    {{Code::denied, "the secret is wrong", "token for 'acme'"}, {"app list", {}}, "barrio context set acme"},
    {{Code::denied, "the secret is wrong", "token for 'environment'"}, {"app list", {}}, "set BARRIO_CLIENT_ID"},
    {{Code::denied, "the token is for tenant acme"}, {"usage", {}}, "barrio context list"},
    {{Code::denied, "no credentials yet", "./.barrio/contexts.yaml"}, {"site list", {}}, start()},
    // Where a network runs, another one is not what helps.
    {{Code::unavailable, "connect: Connection refused", "control at http://127.0.0.1:8080"},
     {"site list", {}},
     start()},
    {{Code::unavailable, "connect: Connection refused", "token for 'acme': control at http://127.0.0.1:8080"},
     {"app list", {}, true},
     "the same command again once control runs"},
    {{Code::conflict, "a network runs here (process 7)", ".barrio"}, {"up", {}, true}, "Ctrl-C where it runs"},
    {{Code::unavailable, "connect: Connection refused", "control at https://10.0.0.1:8443"},
     {"site join", {}, false},
     ""},
    {{Code::unsupported, "not every expectation held", "the story"}, {"up", {}, false}, ""},
    // Proof
    {{Code::conflict, "the proofs hold, and show data outside of ES-PV", "p.json"}, {"verify", {"p.json"}}, ""},
    {{Code::denied, "a signature is wrong", "p.json"}, {"verify", {"p.json"}}, "ask for another file"},
    {{Code::not_found, "cannot be read: No such file", "p.json"}, {"verify", {"p.json"}}, "check the path"},
};

TEST_CASE("each error names what to type next, and none where nothing is known") {
  for (const Case& one : cases) {
    const std::string next = next_step(one.error, one.typed);
    const std::string shown = one.typed.command + ": " + one.error.text() + " -> " + next;
    if (one.next.empty()) {
      CHECK_MESSAGE(next.empty(), shown);
    } else {
      CHECK_MESSAGE(next.starts_with(one.next), shown);
    }
  }
}

TEST_CASE("'barrio up' is never said while a network runs in the home folder") {
  for (const Case& one : cases) {
    Typed typed = one.typed;
    typed.network_runs = true;
    CHECK(next_step(one.error, typed).find("barrio up") == std::string::npos);
  }
}

}  // namespace
}  // namespace barrio::cli::next_step_test
