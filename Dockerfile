# syntax=docker/dockerfile:1
# The image of orderkeep: docs/how-to/deploy/containers.md says how to build and run it; tests/deploy replays it.

# The tag moves with security fixes. Pin what you tested: --build-arg PYTHON_IMAGE=python:3.14-slim-trixie@sha256:...
ARG PYTHON_IMAGE=python:3.14-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build

# Every package as it was locked, by hash; wheels only, because there is no compiler here and need not be.
COPY requirements/setup.txt requirements/stores.txt requirements/
RUN python -m venv /tools && \
    /tools/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/setup.txt
RUN python -m venv --without-pip /opt/orderkeep && \
    /tools/bin/uv pip install --no-cache --compile-bytecode --python /opt/orderkeep/bin/python \
        --require-hashes --only-binary :all: -r requirements/stores.txt

# The uv that was locked is the build backend as well, so that nothing more is fetched.
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /tools/bin/uv build --no-cache --offline --wheel --python /opt/orderkeep/bin/python --out-dir /wheel && \
    /tools/bin/uv pip install --no-cache --compile-bytecode --python /opt/orderkeep/bin/python \
        --offline --no-deps /wheel/*.whl
RUN mkdir -p /skeleton/var/lib/orderkeep

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="orderkeep" \
      org.opencontainers.image.description="An order service that keeps every order and its whole history" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"

COPY --from=build /opt/orderkeep /opt/orderkeep
# The only folder that the service writes to, and the only one that is its own.
COPY --from=build --chown=10001:10001 /skeleton/var/lib/orderkeep /var/lib/orderkeep

ENV PATH=/opt/orderkeep/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORDERKEEP_HOST=0.0.0.0 \
    ORDERKEEP_PORT=8000

# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
# Where orders.db and the folder of documents are kept, unless the environment names other stores.
WORKDIR /var/lib/orderkeep
VOLUME /var/lib/orderkeep
EXPOSE 8000
STOPSIGNAL SIGTERM

# Not urllib, which would ask a proxy that the environment names.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-I", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['ORDERKEEP_PORT']), timeout=4); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["orderkeep"]
CMD ["serve"]
