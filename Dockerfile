# To build: docker build --tag harness --build-arg UID="$(id -u)" .
# In a project: docker run --rm --volume "$PWD:/project" harness test
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY harness harness
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl
# PostgreSQL refuses to run as root. The account has to be that of the project's files, since harness writes beside them.
ARG UID=1000
RUN useradd --uid "$UID" --create-home harness
USER harness
WORKDIR /project
ENTRYPOINT ["harness"]
CMD ["--help"]
