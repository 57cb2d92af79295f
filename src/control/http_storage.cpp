// The routes about storage: of sites (what they should keep), and of tenants (buckets and S3 keys).

#include <algorithm>
#include <map>

#include "control/http_answer.h"
#include "control/http_api.h"

namespace barrio::control {

using net::Response;

namespace {

template <class T>
Json of_storage(JsonSchemas& schemas) {
  return schemas.of<T>();
}

Response no_content() {
  Response response;
  response.status = 204;
  return response;
}

}  // namespace

std::vector<HttpApi::Route> HttpApi::storage_routes() {
  namespace scope = api::scope;
  return {
      {"POST",
       "/barrio/v1/sites/{site}/storage",
       scope::site_sync,
       Whose::anybody,
       &HttpApi::pull_storage,
       {"A site's storage asks what it should know", {}, of_storage<StorageReport>, of_storage<StorageAnswer>}},
      {"POST",
       "/barrio/v1/sites/{site}/buckets",
       scope::site_sync,
       Whose::anybody,
       &HttpApi::site_creates_bucket,
       {"A site passes on a tenant's CreateBucket", {}, of_storage<SiteBucketRequest>, of_storage<Bucket>, 201}},
      {"POST",
       "/barrio/v1/sites/{site}/copies",
       scope::site_sync,
       Whose::anybody,
       &HttpApi::report_copy,
       {"A bucket's home tells how a follower is doing", {}, of_storage<CopyReport>, of_storage<Bucket>}},
      {"DELETE",
       "/barrio/v1/sites/{site}/buckets/{bucket}",
       scope::site_sync,
       Whose::anybody,
       &HttpApi::site_deletes_bucket,
       {.summary = "A bucket's home has found it empty and ends it", .success = 204}},
      {"GET",
       "/barrio/v1/buckets",
       scope::apps_read,
       Whose::anybody,
       &HttpApi::list_buckets,
       {"A tenant's buckets; all of them for the operator", "limit after tenant", {}, of_storage<api::BucketList>}},
      {"GET",
       "/barrio/v1/storage",
       scope::apps_read,
       Whose::anybody,
       &HttpApi::storage_sums,
       {"What a tenant's buckets hold, by home and without their names; all of them for the operator",
        "tenant",
        {},
        of_storage<api::StorageView>}},
      {"PUT",
       "/barrio/v1/buckets/{bucket}",
       scope::apps_write,
       Whose::tenant,
       &HttpApi::put_bucket,
       {"Make a bucket; one that is there is answered as it is", "tenant", of_storage<NewBucket>,
        of_storage<api::BucketView>}},
      {"PUT",
       "/barrio/v1/buckets/{bucket}/copies",
       scope::apps_write,
       Whose::tenant,
       &HttpApi::put_copies,
       {"Change how many sites keep a bucket", "tenant", of_storage<BucketCopies>, of_storage<api::BucketView>}},
  };
}

std::vector<HttpApi::Route> HttpApi::tenant_storage_routes() {
  namespace scope = api::scope;
  return {
      {"POST",
       "/barrio/v1/tenants/{tenant}/s3-keys",
       scope::apps_write,
       Whose::anybody,
       &HttpApi::create_s3_key,
       {.summary = "A new pair of keys for S3; its secret is shown once",
        .gives = of_storage<api::IssuedS3Key>,
        .success = 201,
        .gives_secret = true}},
      {"GET",
       "/barrio/v1/tenants/{tenant}/s3-keys",
       scope::apps_read,
       Whose::anybody,
       &HttpApi::list_s3_keys,
       {"The ids of a tenant's S3 keys", {}, {}, of_storage<api::S3KeyList>}},
      {"DELETE",
       "/barrio/v1/tenants/{tenant}/s3-keys/{key}",
       scope::apps_write,
       Whose::anybody,
       &HttpApi::revoke_s3_key,
       {.summary = "Revoke an S3 key", .success = 204}},
      {"POST",
       "/barrio/v1/tenants/{tenant}/erasure",
       scope::tenants_write,
       Whose::anybody,
       &HttpApi::erase_tenant,
       {.summary = "Erase what a tenant has in storage, for good: its keys go at every site",
        .gives = of_storage<api::ErasureView>}},
      {"GET",
       "/barrio/v1/tenants/{tenant}/erasure",
       scope::tenants_write,
       Whose::anybody,
       &HttpApi::erasure,
       {"At which sites a tenant's keys are gone", {}, {}, of_storage<api::ErasureView>}},
  };
}

/// The token is of the site in the path.
Result<SiteId> HttpApi::site_in_path(const Call& call) {
  TRY(auto site, SiteId::parse(call.params[0]));
  if (call.who.subject == site.str()) return site;
  return fail(Code::denied, "the token is for site " + call.who.subject);
}

Response HttpApi::pull_storage(const Call& call) {
  auto site = site_in_path(call);
  if (!site) return answer(site.error());
  auto report = body<StorageReport>(call);
  if (!report) return answer(report.error());
  auto orders = control_.storage(*site, *report);
  return orders ? answer_json(200, *orders) : answer(orders.error());
}

Response HttpApi::site_creates_bucket(const Call& call) {
  auto site = site_in_path(call);
  if (!site) return answer(site.error());
  auto wanted = body<SiteBucketRequest>(call);
  if (!wanted) return answer(wanted.error());
  auto made = control_.create_bucket(wanted->tenant, wanted->bucket, *site, {wanted->tenant.str(), "tenant"});
  return made ? answer_json(201, *made) : answer(made.error());
}

Response HttpApi::report_copy(const Call& call) {
  auto site = site_in_path(call);
  if (!site) return answer(site.error());
  auto report = body<CopyReport>(call);
  if (!report) return answer(report.error());
  auto bucket = control_.report_copy(*site, *report);
  return bucket ? answer_json(200, *bucket) : answer(bucket.error());
}

Response HttpApi::site_deletes_bucket(const Call& call) {
  auto site = site_in_path(call);
  if (!site) return answer(site.error());
  auto name = BucketName::parse(call.params[1]);
  if (!name) return answer(name.error());
  auto deleted = control_.delete_bucket(*name, *site);
  return deleted ? no_content() : answer(deleted.error());
}

Response HttpApi::list_buckets(const Call& call) {
  api::BucketList list;
  auto some = page<api::BucketView>(
      call, control_.buckets(call.tenant), [](const api::BucketView& bucket) { return bucket.name; }, list.next);
  if (!some) return answer(some.error());
  list.buckets = std::move(*some);
  return answer_json(200, list);
}

Response HttpApi::storage_sums(const Call& call) {
  std::map<SiteId, api::StorageSums> by_home;
  for (const api::BucketView& bucket : control_.buckets(call.tenant)) {
    api::StorageSums& sums = by_home[bucket.home];
    const auto complete = 1 + std::ranges::count(bucket.followers, CopyState::in_sync, &Follower::state);
    ++sums.buckets;
    if (complete < bucket.copies) ++sums.incomplete;
    if (!bucket.objects || !bucket.bytes) ++sums.untold;
    sums.objects += bucket.objects.value_or(0);
    sums.bytes += bucket.bytes.value_or(0);
  }
  api::StorageView view;
  for (auto& [site, sums] : by_home) {
    sums.site = site;
    view.sites.push_back(std::move(sums));
  }
  return answer_json(200, view);
}

Response HttpApi::put_bucket(const Call& call) {
  auto wanted = body<NewBucket>(call);
  if (!wanted) return answer(wanted.error());
  if (wanted->name.str() != call.params[0]) {
    return answer(Error{Code::invalid, "must be the name in the path, " + call.params[0].substr(0, 80), "name"});
  }
  auto made = control_.create_bucket(call.tenant, *wanted, std::nullopt, author(call));
  return made ? show_bucket(call, made->name) : answer(made.error());
}

Response HttpApi::put_copies(const Call& call) {
  auto wanted = body<BucketCopies>(call);
  if (!wanted) return answer(wanted.error());
  auto name = BucketName::parse(call.params[0]);
  if (!name) return answer(name.error());
  auto set = control_.set_copies(call.tenant, *name, *wanted, author(call));
  return set ? show_bucket(call, *name) : answer(set.error());
}

Response HttpApi::show_bucket(const Call& call, const BucketName& name) {
  for (const api::BucketView& view : control_.buckets(call.tenant)) {
    if (view.name == name.str()) return answer_json(200, view);
  }
  return answer(Error{Code::conflict, "the bucket was deleted meanwhile", "name"});
}

Response HttpApi::create_s3_key(const Call& call) {
  auto tenant = tenant_in_path(call);
  if (!tenant) return answer(tenant.error());
  auto issued = control_.create_s3_key(*tenant, author(call));
  return issued ? answer_json(201, *issued) : answer(issued.error());
}

Response HttpApi::list_s3_keys(const Call& call) {
  auto tenant = tenant_in_path(call);
  if (!tenant) return answer(tenant.error());
  return answer_json(200, api::S3KeyList{control_.s3_keys(*tenant)});
}

Response HttpApi::revoke_s3_key(const Call& call) {
  auto tenant = tenant_in_path(call);
  if (!tenant) return answer(tenant.error());
  auto revoked = control_.revoke_s3_key(*tenant, call.params[1], author(call));
  return revoked ? no_content() : answer(revoked.error());
}

Response HttpApi::erase_tenant(const Call& call) {
  auto tenant = TenantId::parse(call.params[0]);
  if (!tenant) return answer(tenant.error());
  auto erasure = control_.erase_tenant(*tenant, author(call));
  return erasure ? answer_json(200, *erasure) : answer(erasure.error());
}

Response HttpApi::erasure(const Call& call) {
  auto tenant = TenantId::parse(call.params[0]);
  if (!tenant) return answer(tenant.error());
  auto erasure = control_.erasure(*tenant);
  return erasure ? answer_json(200, *erasure) : answer(erasure.error());
}

}  // namespace barrio::control
