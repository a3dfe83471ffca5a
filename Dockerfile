# One image for every service of the mesh. Which one a container is, its command says: services/<role>/main.ts.
# docker build -t latentmesh .        A registry or proxy of your own: --secret id=npmrc,src=$HOME/.npmrc
ARG NODE_IMAGE=node:24-bookworm-slim

# What is installed follows from these files alone: a change of code leaves the layers with the packages as they are.
FROM ${NODE_IMAGE} AS manifest
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY infra/command infra/command
COPY infra/empty-package infra/empty-package

# What the services import, as far as it is for this platform: the image brings Node itself, and ONNX Runtime comes for six.
FROM manifest AS packages
RUN --mount=type=secret,id=npmrc --mount=type=cache,target=/tmp/npm \
    NPM_CONFIG_USERCONFIG=/run/secrets/npmrc npm ci --omit=dev --cache /tmp/npm \
    && rm -rf node_modules/node-linux-* node_modules/.bin/node \
    && cd node_modules/onnxruntime-node/bin/napi-v6 \
    && find . -mindepth 1 -maxdepth 1 ! -name linux -exec rm -rf {} + \
    && find linux -mindepth 1 -maxdepth 1 ! -name "$(node -p process.arch)" -exec rm -rf {} +

# The page of the studio: built here, since its tools are no part of the image.
FROM manifest AS studio
RUN --mount=type=secret,id=npmrc --mount=type=cache,target=/tmp/npm \
    NPM_CONFIG_USERCONFIG=/run/secrets/npmrc npm ci --cache /tmp/npm
COPY tsconfig.json ./
COPY infra infra
COPY shared shared
COPY services services
RUN node infra/studio/main.ts /app/studio

FROM ${NODE_IMAGE}
# Threads of the runtime allocate large blocks that come and go: infra/mesh/service-environment.ts says why these numbers.
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/app/.cache/compile \
    MALLOC_MMAP_THRESHOLD_=4194304 \
    MALLOC_TRIM_THRESHOLD_=33554432 \
    LATENTMESH_MODEL=/app/models/pocket \
    LATENTMESH_HTTP_HOST=0.0.0.0 \
    LATENTMESH_STUDIO=/app/studio \
    LATENTMESH_HEALTH_FILE=/tmp/latentmesh-health \
    LATENTMESH_STATE_DIR=/tmp/latentmesh
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY models/pocket models/pocket
COPY models/clip-tokenizer models/clip-tokenizer
COPY --from=studio /app/studio studio
COPY package.json ./
COPY loadtest/profiles loadtest/profiles
COPY infra infra
COPY shared shared
COPY services services
# The volumes of the keys get their owner from the folders here.
RUN mkdir -p .cache/compile /keys/nats /models && chown -R node:node .cache /keys \
    && ln -s /app/infra/container/latentmesh.sh /usr/local/bin/latentmesh
USER node
# Each service runs once, as far as the missing NATS server, so that a start reads compiled code instead of TypeScript. As the user
# that it will be: Node keeps a cache for each. The folders of the keys are made by who makes the keys.
RUN for role in gateway text-encoder controlnet denoiser lora vae; do \
      NATS_URL=nats://127.0.0.1:1 node services/$role/main.ts 2>/tmp/told; grep -q BUS_UNAVAILABLE /tmp/told || { cat /tmp/told; exit 1; }; \
    done; rm /tmp/told \
    && node infra/container/make-keys.ts && find /keys -type f -delete
HEALTHCHECK --interval=5s --timeout=2s --start-period=60s --start-interval=1s CMD ["/app/infra/container/healthy.sh"]
ENTRYPOINT ["node"]
CMD ["infra/command/latentmesh.js", "--help"]
