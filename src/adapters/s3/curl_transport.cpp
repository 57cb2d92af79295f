#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>

#include <mutex>

#include "adapters/s3/transport.h"
#include "base/check.h"
#include "base/text.h"

namespace barrio::adapters::s3 {

namespace {

constexpr long connect_ms = 3000;
constexpr long slow_bytes_per_second = 1024;  // less than that for so long: given up
constexpr long slow_seconds = 8;
constexpr long whole_ms = 60'000;
constexpr size_t most_idle = 64;
constexpr size_t most_answer_bytes = 64 * 1024 * 1024;

struct Handle {
  Handle() : curl(curl_easy_init()) { CHECK(curl != nullptr); }
  ~Handle() { curl_easy_cleanup(curl); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  CURL* const curl;
  curl_socket_t socket = CURL_SOCKET_BAD;  // of its one connection, which it keeps
};

struct Taken {
  const curl_socket_t& socket;  // of the connection, once there is one
  HttpAnswer answer = {};
  bool too_long = false;
};

size_t take_body(char* bytes, size_t size, size_t count, void* to) {
  auto& taken = *static_cast<Taken*>(to);
  if (taken.answer.body.size() + size * count > most_answer_bytes) {
    taken.too_long = true;
    return 0;
  }
  taken.answer.body.append(bytes, size * count);
  return size * count;
}

/// A service that sends head and body apart waits for the head's acknowledgement before it sends the body (radosgw
/// does, by default), and Linux waits 40 ms with that.
void acknowledge_at_once(curl_socket_t socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

int take_socket(void* to, curl_socket_t socket, curlsocktype) {
  *static_cast<curl_socket_t*>(to) = socket;
  return CURL_SOCKOPT_OK;
}

size_t take_header(char* bytes, size_t size, size_t count, void* to) {
  const std::string_view line(bytes, size * count);
  auto& headers = static_cast<Taken*>(to)->answer.headers;
  if (line == "\r\n") acknowledge_at_once(static_cast<Taken*>(to)->socket);
  if (line.starts_with("HTTP/")) headers.clear();  // that of a 100 Continue came before
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos)
    headers.emplace_back(to_lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
  return size * count;
}

bool nothing_was_sent(CURLcode code) {
  return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_SSL_CONNECT_ERROR;
}

bool is_untrusted(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE;
}

/// A certificate of somebody else's, under an authority that is trusted, is a matter of the name that was asked for:
/// libcurl then has no error of the chain, which are numbers of OpenSSL from 2 on.
std::string field_of_trust(CURLcode code, CURL* curl) {
  long verified = 0;
  curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verified);
  return code == CURLE_PEER_FAILED_VERIFICATION && verified < 2 ? "storage.s3.endpoint" : "storage.s3.ca_file";
}

/// One handle, with its connection, for each call that is under way; those that rest are used again.
class CurlTransport final : public Transport {
 public:
  CurlTransport(std::string endpoint, std::string ca_file)
      : endpoint_(std::move(endpoint)), ca_file_(std::move(ca_file)) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    CHECK(ready == CURLE_OK);
  }

  Result<HttpAnswer> call(const HttpCall& call) override {
    auto handle = take();
    curl_slist* headers = nullptr;
    for (const auto& [name, value] : call.headers) headers = curl_slist_append(headers, (name + ": " + value).c_str());
    // A body is sent at once, without asking whether it may come.
    headers = curl_slist_append(headers, "Expect:");
    Taken taken{.socket = handle->socket};
    char problem[CURL_ERROR_SIZE] = "";
    set_up(*handle, call, headers, taken, problem);
    const CURLcode code = curl_easy_perform(handle->curl);
    long status = 0;
    curl_easy_getinfo(handle->curl, CURLINFO_RESPONSE_CODE, &status);
    const std::string of_trust = is_untrusted(code) ? field_of_trust(code, handle->curl) : "";
    curl_slist_free_all(headers);
    give_back(std::move(handle));
    if (code == CURLE_OK) {
      taken.answer.status = static_cast<int>(status);
      return std::move(taken.answer);
    }
    const std::string why = taken.too_long  ? "the answer is too long"
                            : *problem != 0 ? problem
                                            : curl_easy_strerror(code);
    if (!of_trust.empty()) return fail(Code::denied, why, of_trust);
    return fail(nothing_was_sent(code) ? Code::unavailable : Code::timed_out, why, endpoint_);
  }

  WallTime wall() override {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return WallTime(std::chrono::milliseconds(now.tv_sec * 1000 + now.tv_nsec / 1'000'000));
  }

  void pause(Duration duration) override {
    const timespec wanted{duration.count() / 1'000'000'000, duration.count() % 1'000'000'000};
    ::nanosleep(&wanted, nullptr);
  }

 private:
  std::unique_ptr<Handle> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Handle>();
    auto handle = std::move(idle_.back());
    idle_.pop_back();
    return handle;
  }

  void give_back(std::unique_ptr<Handle> handle) {
    curl_easy_reset(handle->curl);  // keeps the connection
    const std::lock_guard lock(mutex_);
    if (idle_.size() < most_idle) idle_.push_back(std::move(handle));
  }

  void set_up(Handle& own, const HttpCall& call, curl_slist* headers, Taken& taken, char* problem) const {
    const std::string url = endpoint_ + call.target;
    CURL* const handle = own.curl;
    curl_easy_setopt(handle, CURLOPT_SOCKOPTFUNCTION, take_socket);
    curl_easy_setopt(handle, CURLOPT_SOCKOPTDATA, &own.socket);
    curl_easy_setopt(handle, CURLOPT_MAXCONNECTS, 1L);
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);  // what is sent is what was signed
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_PROXY, "");  // whatever the environment says: this is a service at the site
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, slow_bytes_per_second);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, slow_seconds);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, whole_ms);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, problem);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &taken);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &taken);
    if (!ca_file_.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, ca_file_.c_str());
    if (call.method == "HEAD") curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    if (call.method == "PUT" || call.method == "POST") {
      curl_easy_setopt(handle, CURLOPT_POST, 1L);
      curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
      curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call.body.empty() ? "" : &call.body.front());
    }
    if (call.method != "HEAD") curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  }

  const std::string endpoint_;
  const std::string ca_file_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Handle>> idle_;
};

}  // namespace

std::string HttpAnswer::header(std::string_view name) const {
  for (const auto& [header, value] : headers) {
    if (header == name) return value;
  }
  return {};
}

std::unique_ptr<Transport> make_curl_transport(std::string endpoint, std::string ca_file) {
  return std::make_unique<CurlTransport>(std::move(endpoint), std::move(ca_file));
}

}  // namespace barrio::adapters::s3
