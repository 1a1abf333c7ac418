# syntax=docker/dockerfile:1
# The image of orderkeep. To build and run it, see docs/how-to/deploy/containers.md; tests/deploy replays the steps.

# The tag is updated with security fixes. To pin the image that you tested: --build-arg PYTHON_IMAGE=python:3.14-slim-trixie@sha256:...
ARG PYTHON_IMAGE=python:3.14-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build

# Locked packages, verified by hash; wheels only, because the image has no compiler.
COPY requirements/setup.txt requirements/stores.txt requirements/
RUN python -m venv /tools && \
    /tools/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/setup.txt
RUN python -m venv --without-pip /opt/orderkeep && \
    /tools/bin/uv pip install --no-cache --compile-bytecode --python /opt/orderkeep/bin/python \
        --require-hashes --only-binary :all: -r requirements/stores.txt

# The locked uv is also the build backend, so that nothing else is downloaded.
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /tools/bin/uv build --no-cache --offline --wheel --python /opt/orderkeep/bin/python --out-dir /wheel && \
    /tools/bin/uv pip install --no-cache --compile-bytecode --python /opt/orderkeep/bin/python \
        --offline --no-deps /wheel/*.whl
RUN mkdir -p /skeleton/var/lib/orderkeep

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="orderkeep" \
      org.opencontainers.image.description="An order service: a durable record of orders, with their complete history" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.authors="The orderkeep contributors" \
      org.opencontainers.image.url="https://github.com/orderkeep/orderkeep" \
      org.opencontainers.image.source="https://github.com/orderkeep/orderkeep" \
      org.opencontainers.image.documentation="https://github.com/orderkeep/orderkeep/blob/main/docs/index.md"

COPY --from=build /opt/orderkeep /opt/orderkeep
# The only directory that the service owns and writes to.
COPY --from=build --chown=10001:10001 /skeleton/var/lib/orderkeep /var/lib/orderkeep

ENV PATH=/opt/orderkeep/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORDERKEEP_HOST=0.0.0.0 \
    ORDERKEEP_PORT=8000

# A number, so that Kubernetes can verify that it is not root.
USER 10001:10001
# The directory of orders.db and of the documents, unless the environment selects other stores.
WORKDIR /var/lib/orderkeep
VOLUME /var/lib/orderkeep
EXPOSE 8000
STOPSIGNAL SIGTERM

# Not urllib, which would use a proxy that the environment sets.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-I", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['ORDERKEEP_PORT']), timeout=4); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["orderkeep"]
CMD ["serve"]
