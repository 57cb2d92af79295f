#!/usr/bin/env bash
# Real clients with default settings of the engine's protocols: curl on REST, grpc-js on the protocol's published definition (where
# ../shared has it) and on ours, the openai package on a server of its API that fake_llm.mjs stands in for.
# Usage: engine_clients.sh ENGINE_SERVER. Exits 77 (skipped) only where Node or its package registry is not there.
set -uo pipefail
server=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/clients/packages.sh
. "$here/packages.sh"
ENGINE_SERVER=$server SOURCE=$(realpath "$here/../..") node --test engine_grpc_test.mjs engine_rest_test.mjs openai_test.mjs
