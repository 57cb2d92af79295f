#include <algorithm>
#include <chrono>

#include "api/oip/message.h"
#include "base/text.h"
#include "cli/actions.h"
#include "cli/files.h"
#include "cli/table.h"
#include "cli/tensor_text.h"
#include "cli/view.h"
#include "ports/tensor.h"

namespace barrio::cli {

namespace {

struct Body {
  std::string content;
  size_t json_size = 0;  // of a binary request; 0: all JSON
};

class Inference {
 public:
  Inference(Session& session, ControlClient& control, const InferCommand& command)
      : session_(session), control_(control), command_(command) {}

  Result<void> run() {
    TRY(token_, control_.token());
    TRY(gateway_, choose_gateway());
    TRY(auto body, make_body());
    net::Request request{.method = "POST",
                         .target = model_path() + "/infer",
                         .headers = headers(),
                         .body = std::move(body.content),
                         .peer_ip = {}};
    request.headers.emplace_back("Content-Type", body.json_size == 0 ? "application/json" : "application/octet-stream");
    if (body.json_size != 0)
      request.headers.emplace_back("Inference-Header-Content-Length", std::to_string(body.json_size));
    const auto begin = std::chrono::steady_clock::now();
    TRY(const auto answer, send(std::move(request)));
    const double total_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    TRY(const auto result, command_.saves.empty() ? parse_json(answer.body) : save_outputs(answer));
    show(answer, result, total_ms);
    return {};
  }

 private:
  std::string model_path() const { return "/v2/models/" + command_.app; }
  net::OwnedHeaders headers() const { return {{"Authorization", "Bearer " + token_}}; }

  Result<net::Response> send(net::Request request) {
    TRY(auto address, net::SocketAddress::parse(gateway_));
    auto answer = session_.http.call(address, std::move(request), 60s);
    if (!answer) return fail(std::move(answer).error().within("gateway " + gateway_));
    if (answer->status != 200) return fail(problem(*answer));
    return answer;
  }

  /// Any gateway knows the best one for this app; control knows the gateways.
  Result<std::string> choose_gateway() {
    if (!command_.gateway.empty()) return command_.gateway;
    TRY(auto sites, control_.list("/sites", "sites"));
    Error last{Code::unavailable, "no site is connected to control", command_.app};
    for (const Json& site : items(sites, "sites")) {
      gateway_ = text_at(site, "gateway");
      if (gateway_.empty() || !true_at(site, "connected")) continue;
      auto found = send({.method = "GET",
                         .target = "/barrio/v1/discovery?app=" + command_.app,
                         .headers = headers(),
                         .body = {},
                         .peer_ip = {}});
      if (!found) {
        last = found.error();
        if (last.code != Code::unavailable && last.code != Code::timed_out) return fail(last);
        continue;
      }
      TRY(auto discovery, parse_json(found->body));
      for (const Json& entry : items(discovery, "entries")) {
        if (auto address = gateway_of(sites, text_at(entry, "site")); !address.empty()) return address;
      }
      return fail(Code::conflict,
                  text_at(discovery, "refusal.detail") + "; nearest: " + text_at(discovery, "refusal.nearest"),
                  command_.app);
    }
    return fail(last);
  }

  /// As the site itself advertises it, whatever the asked gateway reaches it by.
  static std::string gateway_of(const Json& sites, const std::string& id) {
    for (const Json& site : items(sites, "sites")) {
      if (text_at(site, "id") == id) return text_at(site, "gateway");
    }
    return "";
  }

  Result<Body> make_body() {
    if (!command_.json.empty()) {
      TRY(auto text, read_file(command_.json));
      auto checked = parse_json(text);
      if (!checked) return fail(std::move(checked).error().within(command_.json));
      return Body{std::move(text), 0};
    }
    if (!command_.image.empty()) return image_body();
    if (command_.inputs.empty()) return fail(Code::invalid, "needs --image FILE, --input NAME=VALUES or --json FILE");
    JsonArray inputs;
    for (const std::string& text : command_.inputs) {
      TRY(auto input, parse_tensor_text(text));
      inputs.push_back(std::move(input));
    }
    return Body{print_json(JsonObject{{"inputs", std::move(inputs)}, {"parameters", wanted_form()}}), 0};
  }

  /// JSON has no way to carry what is to be saved: a picture's bytes.
  JsonObject wanted_form() const { return {{"binary_data_output", !command_.saves.empty()}}; }

  Result<Body> image_body() {
    TRY(auto image, read_file(command_.image));
    TRY(auto answer, send({.method = "GET", .target = model_path(), .headers = headers(), .body = {}, .peer_ip = {}}));
    TRY(auto metadata, parse_json(answer.body));
    std::string name;
    for (const Json& input : items(metadata, "inputs")) {
      if (text_at(input, "datatype") == "BYTES") name = text_at(input, "name");
    }
    if (name.empty()) return fail(Code::invalid, "the model takes no pictures (no input of type BYTES)", command_.app);
    JsonObject input{{"name", name}, {"shape", JsonArray{1}}, {"datatype", "BYTES"}};
    input["parameters"] = JsonObject{{"binary_data_size", static_cast<int64_t>(image.size() + 4)}};
    JsonObject head{{"inputs", JsonArray{std::move(input)}}, {"parameters", wanted_form()}};
    Body body{print_json(head), 0};
    body.json_size = body.content.size();
    for (int shift = 0; shift < 32; shift += 8)
      body.content.push_back(static_cast<char>((image.size() >> shift) & 0xff));
    body.content += image;
    return body;
  }

  /// Writes what --save names; the rest of the answer, as JSON.
  Result<Json> save_outputs(const net::Response& answer) const {
    std::optional<size_t> json_length;
    if (const auto length = parse_uint(net::find_header(answer.headers, api::json_length_header).value_or(""))) {
      json_length = static_cast<size_t>(*length);
    }
    TRY(auto response, api::parse_infer_response(answer.body, json_length));
    for (const std::string& text : command_.saves) {
      const size_t equals = text.find('=');
      if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
        return fail(Code::invalid, "must be OUTPUT=FILE", "--save");
      }
      const std::string name = text.substr(0, equals);
      const auto found = std::ranges::find(response.outputs, name, &ports::Tensor::name);
      if (found == response.outputs.end())
        return fail(Code::not_found, "the answer has no output '" + name + "'", "--save");
      if (found->type == ports::DataType::BYTES) {
        TRY(const auto elements, ports::unpack_bytes(found->data, 1));
        TRY_DO(write_file(text.substr(equals + 1), elements.front()));
      } else {
        TRY_DO(write_file(text.substr(equals + 1), found->data));
      }
      response.outputs.erase(found);
    }
    TRY(const auto rest, api::print_infer_response(response, {}));
    return parse_json(rest.body);
  }

  void show(const net::Response& answer, const Json& result, double total_ms) const {
    auto header = [&](std::string_view name) {
      return std::string(net::find_header(answer.headers, name).value_or(""));
    };
    Table table({"OUTPUT", "TYPE", "SHAPE", "DATA"});
    for (const Json& output : items(result, "outputs")) {
      std::string data = text_at(output, "data");
      if (data.size() > 100) data = data.substr(0, 97) + "...";
      table.add({text_at(output, "name"), text_at(output, "datatype"), text_at(output, "shape"), data});
    }
    const std::string served = header("Barrio-Served-By");
    std::string text = table.text() + "served by " + served + " in " + header("Barrio-Processed-In") + ", " +
                       one_decimal(total_ms) + " ms in all (" + header("Server-Timing") + ")\n";
    JsonObject all{{"answer", result}, {"served_by", served}, {"processed_in", header("Barrio-Processed-In")}};
    all["server_timing"] = header("Server-Timing");
    all["total_ms"] = total_ms;
    session_.print(all, text);
  }

  Session& session_;
  ControlClient& control_;
  const InferCommand& command_;
  std::string token_;
  std::string gateway_;
};

}  // namespace

Result<void> infer(Session& session, const InferCommand& command) {
  TRY(auto control, session.control(Speaker::tenant));
  return Inference(session, control, command).run();
}

}  // namespace barrio::cli
