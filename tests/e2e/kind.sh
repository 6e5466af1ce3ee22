#!/usr/bin/env bash
# Runs the cases of tests/cluster on kind, where quench is installed by its chart: tests/e2e/kind.sh [--keep] [--install-only]
#
# Needs Docker, kind, helm, kubectl, Rust and Go 1.26. It makes a cluster of its own, named quench-e2e, and takes it away again unless
# --keep is given. NODE_IMAGE names another Kubernetes, such as kindest/node:v1.30.13; the cases are for the newest, so that older ones want
# --install-only: installing, `helm test`, a rewritten pod, uninstalling.
set -euo pipefail
cd "$(dirname "$0")/../.."

name=quench-e2e
keep=false
install_only=false
for option; do
  case "$option" in
    --keep) keep=true ;;
    --install-only) install_only=true ;;
    *) sed -n '2,6p' "$0"; exit 2 ;;
  esac
done
for tool in docker kind helm kubectl cargo go; do
  command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 2; }
done

work=$(mktemp -d)
forward=
cleanup() {
  if [ -n "$forward" ]; then kill "$forward" 2>/dev/null || true; fi
  rm -rf "$work"
  if $keep; then
    echo "kept: kind export kubeconfig --name $name, then kubectl --context kind-$name; to remove it: kind delete cluster --name $name" >&2
  else
    kind delete cluster --name "$name"
  fi
}
trap cleanup EXIT
export KUBECONFIG=$work/kubeconfig

docker build --tag quench.local/quench:e2e .
mkdir -p target/kind
: >target/kind/audit.jsonl
kind create cluster --name "$name" --config tests/e2e/kind.yaml --kubeconfig "$KUBECONFIG" --wait 180s ${NODE_IMAGE:+--image "$NODE_IMAGE"}
kind load docker-image quench.local/quench:e2e --name "$name"

# Not in namespace `quench`: a case has a Service of that name there.
helm install quench charts/quench --namespace quench-system --create-namespace --values tests/e2e/values.yaml --wait --timeout 120s
helm test quench --namespace quench-system

if $install_only; then
  image=$(kubectl run web --image nginx:1.31.4 --dry-run=server --output 'jsonpath={.spec.containers[0].image}')
  [ "$image" = dhi.io/nginx:1.31.4 ] || { echo "nginx:1.31.4 became $image" >&2; exit 1; }
  helm uninstall quench --namespace quench-system --wait
  echo "installed, rewrote and uninstalled on kind"
  exit
fi

kubectl port-forward --namespace quench-system service/quench-metrics 18080:8080 >"$work/forward.log" 2>&1 &
forward=$!
for _ in $(seq 50); do
  if grep -q Forwarding "$work/forward.log"; then break; fi
  sleep 0.2
done
grep -q Forwarding "$work/forward.log" || { cat "$work/forward.log" >&2; exit 1; }

# Where containers of kind's network reach this machine.
host=$(docker network inspect kind --format '{{range .IPAM.Config}}{{println .Gateway}}{{end}}' | grep -m 1 -E '^[0-9.]+$')

tests/cluster/build
export QUENCH_VISIT_KUBECONFIG=$KUBECONFIG QUENCH_VISIT_HOST=$host QUENCH_VISIT_METRICS=127.0.0.1:18080
export QUENCH_VISIT_AUDIT=$PWD/target/kind/audit.jsonl
cargo test --release --test cluster

helm uninstall quench --namespace quench-system --wait
echo "all cases passed on kind"
