// The routes about configuration.

#include "control/http_answer.h"
#include "control/http_api.h"

namespace barrio::control {

using net::Response;

namespace {

template <class T>
Json schema_of(JsonSchemas& schemas) {
  return schemas.of<T>();
}

}  // namespace

std::vector<HttpApi::Route> HttpApi::config_routes() {
  using api::ConfigChangeName;
  using api::ConfigView;
  const auto scope = api::scope::sites_write;
  return {
      {"GET",
       "/barrio/v1/config",
       api::scope::sites_read,
       Whose::anybody,
       &HttpApi::show_config,
       {"The snapshot that sites get, and the changes of configuration that are not at all of them",
        "tenant",
        {},
        schema_of<ConfigView>}},
      {"POST",
       "/barrio/v1/config/retry",
       scope,
       Whose::anybody,
       &HttpApi::retry_config,
       {"Let a change that failed begin again at one site", {}, schema_of<ConfigChangeName>, schema_of<ConfigView>}},
      {"POST",
       "/barrio/v1/config/force",
       scope,
       Whose::anybody,
       &HttpApi::force_config,
       {"Give a change to all sites at once", {}, schema_of<ConfigChangeName>, schema_of<ConfigView>}},
      {"GET",
       "/barrio/v1/config/network",
       scope,
       Whose::anybody,
       &HttpApi::show_network,
       {"The network's operators and delay priors", {}, {}, schema_of<NetworkSettings>}},
      {"PUT",
       "/barrio/v1/config/network",
       scope,
       Whose::anybody,
       &HttpApi::put_network,
       {"Change the network's operators and delay priors, at one site first",
        {},
        schema_of<NetworkSettings>,
        schema_of<NetworkSettings>}},
  };
}

Response HttpApi::show_config(const Call& call) {
  return answer_json(200, control_.config(call.tenant));
}

Response HttpApi::retry_config(const Call& call) {
  auto named = body<api::ConfigChangeName>(call);
  if (!named) return answer(named.error());
  auto done = control_.retry_config(named->what, author(call));
  return done ? show_config(call) : answer(done.error());
}

Response HttpApi::force_config(const Call& call) {
  auto named = body<api::ConfigChangeName>(call);
  if (!named) return answer(named.error());
  auto done = control_.force_config(named->what, author(call));
  return done ? show_config(call) : answer(done.error());
}

Response HttpApi::show_network(const Call&) {
  return answer_json(200, control_.network_settings());
}

Response HttpApi::put_network(const Call& call) {
  auto settings = body<NetworkSettings>(call);
  if (!settings) return answer(settings.error());
  auto set = control_.set_network_settings(*settings, author(call));
  return set ? answer_json(200, control_.network_settings()) : answer(set.error());
}

}  // namespace barrio::control
