#pragma once
// Clients that put objects in parts: each request of an upload goes to another site, completes are asked for again
// until they are answered, and some uploads are aborted, or left. What was acknowledged of an upload is there until it
// ends.

#include "sim/client_desk_test.h"

namespace barrio::sim {

class UploadClients {
 public:
  /// Smaller than S3's: what matters is how many parts there are.
  static constexpr int64_t least_part_bytes = 20;

  UploadClients(ClientDesk& desk, const std::vector<ClientBucket>& buckets) : desk_(desk), buckets_(buckets) {}

  void start(size_t clients) {
    running_ = true;
    for (size_t i = 0; i < clients; ++i) next();
  }
  void stop() { running_ = false; }
  int64_t completed() const { return completed_; }
  int64_t aborted() const { return aborted_; }

  /// Ends all uploads that are listed; `open`: that were there, or could not be listed.
  void abort_all(std::set<std::string>& open) {
    for (const ClientBucket& bucket : buckets_) {
      const std::string name = bucket.name.str();
      open.insert(name);
      const size_t site = desk_.permitted_site(bucket);
      desk_.ask(site, {"GET", "/" + name + "?uploads"}, [=, this, &open, &bucket](const Answer& answer) {
        const auto xml = desk_.is_status(answer, 200) ? api::s3::read_xml(answer->body)
                                                      : Result<api::s3::XmlElement>(fail(Code::unavailable, ""));
        if (!xml) return;
        open.erase(name);
        for (const api::s3::XmlElement& one : xml->children) {
          if (one.name != "Upload") continue;
          const std::string id = one.text_of("UploadId");
          open.insert(name + " " + id);
          desk_.ask(desk_.permitted_site(bucket), {"DELETE", "/" + name + "/" + one.text_of("Key") + "?uploadId=" + id},
                    [](const Answer&) {});
        }
      });
    }
  }

 private:
  using Answer = ClientDesk::Answer;
  static constexpr int most_tries = 4;

  struct Upload {
    const ClientBucket& bucket;
    size_t key = 0;
    uint64_t number = 0;
    std::string id = {};
    std::vector<std::string> parts = {};
    size_t next_part = 0;
    int tries = 0;
    std::vector<size_t> unanswered = {};  // writes of its completion
    bool may_have_ended = false;          // an answer to its end is not known
    std::string target() const { return "/" + bucket.name.str() + "/" + ClientDesk::key_name(key); }
  };
  using UploadRef = std::shared_ptr<Upload>;

  void next() {
    desk_.later(1500ms, [this] {
      if (running_) begin();
    });
  }

  void begin() {
    Rng& rng = desk_.rng();
    const ClientBucket& bucket = buckets_[rng.below(buckets_.size())];
    auto upload = std::make_shared<Upload>(Upload{bucket, rng.below(ClientDesk::keys), desk_.new_number()});
    const std::string body = ClientDesk::body_of(upload->number);
    const size_t count = 1 + rng.below(3);
    for (size_t i = 0; i < count; ++i) {
      const size_t from = body.size() * i / count;
      upload->parts.push_back(body.substr(from, body.size() * (i + 1) / count - from));
    }
    desk_.ask(
        desk_.permitted_site(bucket), {"POST", upload->target() + "?uploads"}, [this, upload](const Answer& answer) {
          const auto xml = desk_.is_status(answer, 200) ? api::s3::read_xml(answer->body)
                                                        : Result<api::s3::XmlElement>(fail(Code::unavailable, ""));
          if (!xml) return next();
          upload->id = xml->text_of("UploadId");
          put_part(upload);
        });
  }

  /// One after the other; each until it is acknowledged.
  void put_part(const UploadRef& upload) {
    if (!running_) return;  // whatever is open now is aborted
    if (upload->next_part == upload->parts.size()) return end(upload);
    const std::string number = std::to_string(upload->next_part + 1);
    desk_.ask(desk_.permitted_site(upload->bucket),
              {"PUT", upload->target() + "?partNumber=" + number + "&uploadId=" + upload->id,
               upload->parts[upload->next_part]},
              [this, upload](const Answer& answer) {
                if (desk_.is_status(answer, 200)) {
                  ++upload->next_part;
                  upload->tries = 0;
                  return put_part(upload);
                }
                if (is_unknown(answer)) return lost(*upload, "does not take a part", *answer);
                again(upload, [this, upload] { put_part(upload); });
              });
  }

  void again(const UploadRef& upload, std::function<void()> act) {
    if (++upload->tries == most_tries) return next();  // it stays, unfinished
    desk_.later(4s, [this, act = std::move(act)] {
      if (running_) act();
    });
  }

  /// The upload, or a part of it, is not there.
  static bool is_unknown(const Answer& answer) {
    if (!ClientDesk::is_refused(answer)) return false;
    const std::string code = objects::code_of(*answer);
    return code == "NoSuchUpload" || code == "InvalidPart";
  }

  void lost(const Upload& upload, const std::string& what, const net::Response& answer) {
    desk_.checker().violated("an upload of " + upload.target() + " " + what + ", though it was begun and its parts " +
                             "were acknowledged: " + objects::code_of(answer));
    next();
  }

  void end(const UploadRef& upload) {
    if (!running_) return;
    const uint64_t what = desk_.rng().below(10);
    if (what < 2) return abort(upload);
    if (what == 2) return next();  // left
    complete(upload);
  }

  void abort(const UploadRef& upload) {
    desk_.ask(desk_.permitted_site(upload->bucket), {"DELETE", upload->target() + "?uploadId=" + upload->id},
              [this, upload](const Answer& answer) {
                if (desk_.is_status(answer, 204)) {
                  ++aborted_;
                  return check_ended(upload);
                }
                if (is_unknown(answer) && !upload->may_have_ended) return lost(*upload, "cannot be aborted", *answer);
                if (is_unknown(answer)) return next();
                if (!desk_.is_refused(answer)) upload->may_have_ended = true;
                again(upload, [this, upload] { abort(upload); });
              });
  }

  /// An aborted one makes no object any more.
  void check_ended(const UploadRef& upload) {
    desk_.ask(desk_.permitted_site(upload->bucket), completing(*upload), [this, upload](const Answer& answer) {
      if (desk_.is_status(answer, 200)) {
        desk_.checker().violated("an upload of " + upload->target() +
                                 " was completed after its abort was acknowledged");
      }
      next();
    });
  }

  objects::Ask completing(const Upload& upload) const {
    std::string xml = "<CompleteMultipartUpload>";
    for (size_t i = 0; i < upload.parts.size(); ++i) {
      xml += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" +
             ClientDesk::etag_of(upload.parts[i]) + "</ETag></Part>";
    }
    return {"POST", upload.target() + "?uploadId=" + upload.id, xml + "</CompleteMultipartUpload>"};
  }

  /// Each attempt is a write of its own, since one alone makes the object. Where an attempt had no answer, a later one
  /// is answered for it: then they are one write, from the first of them on.
  void complete(const UploadRef& upload) {
    RegisterHistory& history = desk_.history(upload->bucket, upload->key);
    const size_t write = history.begin_write(desk_.now(), upload->number);
    std::string md5s;
    std::string hashes;
    for (const std::string& part : upload->parts) {
      md5s += bytes_of_hex(ClientDesk::etag_of(part)).value_or("");
      hashes += bytes_of_hex(sha256_hex(part)).value_or("");
    }
    desk_.know_etag(ClientDesk::etag_of(md5s) + "-" + std::to_string(upload->parts.size()), upload->number);
    desk_.ask(desk_.permitted_site(upload->bucket), completing(*upload),
              [=, this, &history, sha256 = sha256_hex(hashes)](const Answer& answer) {
                if (desk_.is_status(answer, 200)) {
                  upload->unanswered.push_back(write);
                  history.written(upload->unanswered.front(), desk_.now());
                  for (size_t i = 1; i < upload->unanswered.size(); ++i) history.refused(upload->unanswered[i]);
                  desk_.checker().acknowledged(upload->bucket.name, ClientDesk::key_name(upload->key), sha256);
                  ++completed_;
                  return next();
                }
                if (desk_.is_refused(answer)) history.refused(write);
                if (is_unknown(answer)) {
                  const bool may_be_gone = upload->may_have_ended && objects::code_of(*answer) == "NoSuchUpload";
                  return may_be_gone ? next() : lost(*upload, "cannot be completed", *answer);
                }
                if (!desk_.is_refused(answer)) {
                  upload->may_have_ended = true;
                  upload->unanswered.push_back(write);
                }
                again(upload, [this, upload] { complete(upload); });
              });
  }

  ClientDesk& desk_;
  const std::vector<ClientBucket>& buckets_;
  bool running_ = false;
  int64_t completed_ = 0;
  int64_t aborted_ = 0;
};

}  // namespace barrio::sim
