#pragma once
// OpenSSL's objects as unique_ptrs: `OpensslPtr<X509, X509_free>`.

#include <memory>
#include <type_traits>

namespace barrio {

template <auto Function>
struct OpensslFree {
  template <class T>
  void operator()(T* object) const {
    Function(object);
  }
};

template <class T, auto Function>
using OpensslPtr = std::unique_ptr<T, OpensslFree<Function>>;

}  // namespace barrio
