// barrio witness: cosigns logs for whoever wants to check them: a customer, an auditor, a partner.

#include "adapters/tile_log/tile_log.h"
#include "base/log.h"
#include "cli/files.h"
#include "cli/roles.h"
#include "cli/service_loop.h"
#include "decide/proof/proof_file.h"
#include "net/server.h"
#include "transparency/witness_service.h"

namespace barrio::cli {

namespace {

constexpr size_t most_witness_requests = 64;  // at once

net::Response witness_answer(transparency::WitnessService& witness, const net::Request& request) {
  if (request.path() == "/key" && request.method == "GET") return {.body = witness.verifier().str() + "\n"};
  if (request.path() != "/add-checkpoint") return {.status = 404, .body = "/add-checkpoint, /key\n"};
  if (request.method != "POST")
    return {.status = 405, .headers = {{"Allow", "POST"}}, .body = "this path takes POST\n"};
  return witness.add_checkpoint(request.body);
}

}  // namespace

Result<void> serve_witness(const WitnessCommand& command) {
  configure_log("witness", LogLevel::info, "");
  TRY(const auto address, net::SocketAddress::parse(command.listen));
  TRY(const auto text, read_file(command.keys));
  auto keys = decide::TrustedKeys::parse_lines(text);
  if (!keys) return fail(std::move(keys).error().within(command.keys));
  TRY(auto signer, adapters::load_note_key(command.folder, "witness.key", command.name, decide::NoteKeyKind::witness));
  TRY(auto disk, adapters::open_log_folder(command.folder));
  ServiceLoop loop;
  adapters::DiskWitnessMemory memory(loop.runtime(), std::move(disk));
  transparency::WitnessService witness(loop.runtime(), memory, std::move(signer));
  for (const auto& log : keys->logs) TRY_DO(witness.add_log(log));
  size_t running = 0;
  net::MessageServer server(loop.reactor(), {.body_bytes = transparency::WitnessService::most_request_bytes},
                            [&](net::Request request, net::Responder respond) {
                              if (running >= most_witness_requests) return respond({.status = 503});
                              ++running;
                              auto kept = std::make_shared<net::Request>(std::move(request));
                              loop.runtime().spawn("witness", [&, kept, respond = std::move(respond)]() mutable {
                                respond(witness_answer(witness, *kept));
                                --running;
                              });
                            });
  TRY(const auto bound, server.listen(address));
  log_info("serving", {{"address", bound.str()}, {"key", witness.verifier().str()}});
  return loop.run();
}

}  // namespace barrio::cli
