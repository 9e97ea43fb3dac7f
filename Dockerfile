# One image for every process; the command says which: `worker ledger`, `worker projection`, `gateway`,
# `topics create`, ... What of this was tried without a container engine: docs/deployment.md.

# The tag is of one Python release; what that release runs is in requirements-runtime.lock, by hash.
FROM python:3.11.14-slim-bookworm AS python

FROM python AS build
WORKDIR /build
# Without pip inside: what runs in production installs nothing. The path is the final one, because
# the first line of a console script holds it.
RUN python -m venv --without-pip /opt/inventory-stream
COPY requirements-runtime.lock ./
RUN python -m pip --python /opt/inventory-stream/bin/python install --no-cache-dir --no-deps \
    --require-hashes --only-binary :all: -r requirements-runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY agents agents
COPY inventory_stream inventory_stream
COPY models models
# setuptools, from the lock as well, builds the project and is of no use afterwards.
RUN python -m pip --python /opt/inventory-stream/bin/python install --no-cache-dir --no-deps \
    --no-build-isolation . \
    && python -m pip --python /opt/inventory-stream/bin/python uninstall --yes setuptools

FROM python
COPY --from=build /opt/inventory-stream /opt/inventory-stream
# The folders that are written: by `replay`, how far it came; by `keys`, who may call a gateway. Mount
# something over them where the root is read-only.
RUN install -d -m 0700 -o 65532 -g 65532 /scratch /access
ENV PATH=/opt/inventory-stream/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    INVENTORY_STREAM_WORKER__DATA_DIR=/scratch
WORKDIR /scratch
# A number, so that Kubernetes can see that it is not root; no account of that number exists or is needed.
USER 65532:65532
# GET /metrics, /live and /ready, once INVENTORY_STREAM_MONITORING__PORT says so; compose and Kubernetes ask there.
EXPOSE 9464
# The HTTP API of a gateway.
EXPOSE 8080
ENTRYPOINT ["inventory-stream"]
CMD ["--help"]
