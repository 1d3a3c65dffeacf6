# Patrol Missions: the front door. `make help` lists the commands.
PKG     := patrol_missions
STAGE   ?= build/stage
INSIDE  := processing_algorithms resources metadata.txt LICENSE requirements.txt requirements.lock

.PHONY: stage
stage:  ## copy the tracked working files to where tests, zip and wheel take them from
	@rm -rf $(STAGE) && mkdir -p $(STAGE)/$(PKG)
	@git ls-files -z -- $(PKG) | tar -c --null -T - | tar -x -C $(STAGE)
	@git ls-files -z -- $(INSIDE) | tar -c --null -T - | tar -x -C $(STAGE)/$(PKG)
	@chmod -R u=rwX,go=rX $(STAGE)
